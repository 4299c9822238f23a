//! Which subjects of one ingress have a publish under way, by target: the later ones of a subject wait for the answer to
//! the one before (DESIGN 3.7). Shared by the half that decides and the half that settles.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What stands for a target and a subject. Two that share one only wait for each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Track(u64);

/// What is under way; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traffic(Arc<Mutex<Under>>);

/// What is under way, in the hands of one half.
#[derive(Debug, Default)]
pub(crate) struct Under {
    tracks: HashMap<Track, u32>,
    /// Targets of which something is kept: what goes to them is looked at by the half that settles.
    kept: HashSet<Arc<str>>,
}

impl Traffic {
    pub(crate) fn under(&self) -> MutexGuard<'_, Under> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Track {
    pub(crate) fn of(target: &str, source: &str, subject: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        (target, source, subject).hash(&mut hasher);
        Self(hasher.finish())
    }
}

impl Under {
    /// One more is on its way; whether nothing was before it.
    pub(crate) fn enter(&mut self, target: &str, track: Track) -> bool {
        let count = self.tracks.entry(track).or_default();
        *count += 1;
        *count == 1 && !self.kept.contains(target)
    }

    /// One has arrived, or is kept.
    pub(crate) fn leave(&mut self, track: Track) {
        if let Some(count) = self.tracks.get_mut(&track) {
            *count -= 1;
            if *count == 0 {
                self.tracks.remove(&track);
            }
        }
    }

    /// Which targets have something kept.
    pub(crate) fn set_kept(&mut self, targets: HashSet<Arc<str>>) {
        self.kept = targets;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_of_a_subject_waits_until_all_before_it_have_left() {
        let (traffic, track) = (Traffic::default(), Track::of("waste", "shop", "a"));
        let mut under = traffic.under();
        assert!(under.enter("waste", track));
        assert!(under.enter("waste", Track::of("waste", "shop", "b")), "another subject");
        assert!(under.enter("tax", Track::of("tax", "shop", "a")), "another target");
        assert!(!under.enter("waste", track));
        under.leave(track);
        assert!(!under.enter("waste", track), "one is still on its way");
        under.leave(track);
        under.leave(track);
        assert!(under.enter("waste", track));
    }

    #[test]
    fn what_goes_to_a_target_of_which_something_is_kept_waits() {
        let (traffic, track) = (Traffic::default(), Track::of("waste", "shop", "a"));
        let mut under = traffic.under();
        under.set_kept(HashSet::from(["waste".into()]));
        assert!(!under.enter("waste", track));
        under.leave(track);
        under.set_kept(HashSet::new());
        assert!(under.enter("waste", track));
    }
}
