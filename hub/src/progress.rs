//! How far work is of which nobody knows whether it takes long: nothing is shown until it has.

use std::sync::OnceLock;
use std::time::Duration;

use indicatif::ProgressBar;

/// How long work goes on before its progress is shown.
const SOON: Duration = Duration::from_secs(1);

/// The progress of one piece of work, which several threads may tell; what is shown goes with it.
pub(crate) struct Progress<T, B> {
    /// How long it has gone on.
    elapsed: T,
    /// A bar of so many steps.
    bar: B,
    shown: OnceLock<ProgressBar>,
}

impl<T: Fn() -> Duration, B: Fn(u64) -> ProgressBar> Progress<T, B> {
    pub(crate) fn new(elapsed: T, bar: B) -> Self {
        Self { elapsed, bar, shown: OnceLock::new() }
    }

    /// Tells how many of all steps are done.
    pub(crate) fn tell(&self, done: usize, all: usize) {
        if (self.elapsed)() > SOON {
            self.shown.get_or_init(|| (self.bar)(all as u64)).set_position(done as u64);
        }
    }
}

impl<T, B> Drop for Progress<T, B> {
    fn drop(&mut self) {
        if let Some(bar) = self.shown.get() {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io;
    use std::sync::{Arc, Mutex, PoisonError};

    use indicatif::{ProgressDrawTarget, ProgressStyle, TermLike};

    use super::*;

    /// A terminal that keeps what is written.
    #[derive(Debug, Clone, Default)]
    struct Paper(Arc<Mutex<String>>);

    impl Paper {
        fn written(&self) -> String {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }
    }

    impl TermLike for Paper {
        fn width(&self) -> u16 {
            80
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, line: &str) -> io::Result<()> {
            self.write_str(line)
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            self.write_str("(cleared)")
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn progress_is_shown_once_a_second_has_passed_and_not_before_and_is_gone_at_the_end() {
        let (paper, clock) = (Paper::default(), Cell::new(Duration::ZERO));
        let bar = |all| {
            let target = ProgressDrawTarget::term_like(Box::new(paper.clone()));
            let style = ProgressStyle::with_template("{msg} {pos}/{len}").expect("a template");
            ProgressBar::with_draw_target(Some(all), target).with_style(style).with_message("checking")
        };
        let progress = Progress::new(|| clock.get(), bar);
        for (done, passed) in [(1, 0), (2, 999), (3, 1_000)] {
            clock.set(Duration::from_millis(passed));
            progress.tell(done, 10);
            assert_eq!(paper.written(), "", "{passed} ms");
        }
        clock.set(Duration::from_millis(1_001));
        progress.tell(4, 10);
        assert!(paper.written().contains("checking 4/10"), "{}", paper.written());
        drop(progress);
        assert!(paper.written().ends_with("(cleared)"), "{}", paper.written());
    }
}
