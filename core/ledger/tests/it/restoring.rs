//! A ledger that was put back, however it was copied, is told by what data folders know of it.

use std::path::PathBuf;

use crate::support::Place;
use postroom_ledger::{Ledger, RunStart, Watermark};
use tempfile::TempDir;

/// The data folder of a hub.
struct Data(TempDir);

impl Data {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn watermark(&self) -> Watermark {
        Watermark::below(self.0.path())
    }

    /// The hub is at work on `ledger`; whether that was put back.
    async fn works_on(&self, ledger: &Ledger) -> bool {
        self.watermark().note(ledger).await.expect("noted");
        ledger.is_restored().await.expect("read")
    }

    /// The files in which it is noted how far ledgers are.
    fn notes(&self) -> Vec<PathBuf> {
        let files = std::fs::read_dir(self.0.path().join("watermark")).expect("a folder");
        files.map(|file| file.expect("a file").path()).collect()
    }
}

async fn a_copy_made_behind_the_hub_and_put_back_is_told_until_somebody_acknowledges_it(place: Place) {
    let (ledger, data) = (place.open().await, Data::new());
    assert!(!data.works_on(&ledger).await);
    let copy = place.copy();
    assert!(!data.works_on(&ledger).await, "it was copied, and not put back");
    let restored = copy.open().await;
    assert!(!restored.is_restored().await.expect("read"), "no mark was copied");
    data.watermark().compare(&restored).await.expect("compared");
    let why = restored.why_restored().await.expect("read");
    assert_eq!(why.as_deref(), Some("a hub has worked on a later state of it"));
    assert!(data.works_on(&restored).await, "also after it was noted anew");
    assert_eq!(restored.start_run(1).await.expect("written"), RunStart { restored: true });
    restored.acknowledge_restore().await.expect("written");
    assert!(!data.works_on(&restored).await);
    assert_eq!(restored.why_restored().await.expect("read"), None);
}

async fn a_ledger_that_goes_on_and_one_that_is_new_to_a_data_folder_are_no_backups(place: Place) {
    let (ledger, first, second) = (place.open().await, Data::new(), Data::new());
    assert!(!second.works_on(&ledger).await);
    for _ in 0..3 {
        assert!(!first.works_on(&ledger).await);
    }
    assert!(!second.works_on(&ledger).await, "it knows less than the first");
    assert!(!first.works_on(&place.open().await).await, "it was opened again");
    assert!(!Data::new().works_on(&place.copy().open().await).await, "on a new machine");
    assert!(!first.works_on(&place.another().open().await).await, "another ledger");
    assert!(!first.works_on(&ledger).await, "and back");
    assert_eq!(first.notes().len(), 2, "a note for each ledger, and nothing half written");
}

async fn what_was_known_before_a_restore_was_acknowledged_is_held_against_no_hub(place: Place) {
    let (ledger, first, second) = (place.open().await, Data::new(), Data::new());
    assert!(!first.works_on(&ledger).await);
    let (once, again) = (place.copy(), place.copy());
    assert!(!first.works_on(&ledger).await);
    for _ in 0..3 {
        assert!(!second.works_on(&ledger).await, "it knows more than the first");
    }
    let restored = once.open().await;
    assert!(first.works_on(&restored).await);
    restored.acknowledge_restore().await.expect("written");
    assert!(!second.works_on(&restored).await, "it comes late");
    let restored = again.open().await;
    assert!(second.works_on(&restored).await, "the same copy, put back once more");
    restored.acknowledge_restore().await.expect("written");
    assert!(!first.works_on(&restored).await);
    assert!(!second.works_on(&restored).await);
}

async fn a_ledger_is_taken_for_a_backup_on_somebodys_word_which_is_kept_until_it_is_acknowledged(
    place: Place,
) {
    let (ledger, data) = (place.open().await, Data::new());
    assert!(!data.works_on(&ledger).await);
    let copy = place.copy();
    let restored = copy.open().await;
    assert!(!data.works_on(&restored).await, "no data folder can tell");
    restored.declare_restored("an officer: the disk broke".to_owned()).await.expect("written");
    assert!(data.works_on(&restored).await);
    let why = restored.why_restored().await.expect("read");
    assert_eq!(why.as_deref(), Some("an officer: the disk broke"));
    restored.acknowledge_restore().await.expect("written");
    assert!(!data.works_on(&restored).await);
}

async fn a_note_of_which_a_power_cut_left_nothing_is_written_anew(place: Place) {
    let (ledger, data) = (place.open().await, Data::new());
    assert!(!data.works_on(&ledger).await);
    let note = data.notes().pop().expect("a note");
    std::fs::write(&note, "").expect("written");
    assert!(!data.works_on(&ledger).await);
    assert_ne!(std::fs::read_to_string(&note).expect("a note"), "");
}

async fn a_data_folder_that_cannot_be_written_is_told_with_its_place(place: Place) {
    let (ledger, data) = (place.open().await, Data::new());
    let folder = data.0.path().join("watermark");
    std::fs::write(&folder, "no folder").expect("written");
    let error = data.watermark().note(&ledger).await.expect_err("no folder");
    assert_eq!(error.to_string(), "noting the watermark of the ledger");
    let cause = std::error::Error::source(&error).expect("a cause").to_string();
    assert!(cause.contains(&folder.display().to_string()), "{cause}");
    assert!(!ledger.is_restored().await.expect("read"));
}

promises!(
    a_copy_made_behind_the_hub_and_put_back_is_told_until_somebody_acknowledges_it,
    a_ledger_that_goes_on_and_one_that_is_new_to_a_data_folder_are_no_backups,
    what_was_known_before_a_restore_was_acknowledged_is_held_against_no_hub,
    a_ledger_is_taken_for_a_backup_on_somebodys_word_which_is_kept_until_it_is_acknowledged,
    a_note_of_which_a_power_cut_left_nothing_is_written_anew,
    a_data_folder_that_cannot_be_written_is_told_with_its_place,
);
