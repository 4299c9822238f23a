//! Claims on the paths of one address: which request is whose.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, mpsc};

use crate::registry::Registry;
use crate::{Asked, Limits, Tls};

/// What somebody asks for.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The system for which it is: what of its requests is refused is counted.
    pub system: String,
    /// Where to listen.
    pub address: SocketAddr,
    /// The path, with everything below it; the longest path that is claimed wins.
    pub path: String,
    /// TLS of the address, or none.
    pub tls: Option<Tls>,
    /// What the claim bears.
    pub limits: Limits,
}

/// A path that is held until this is dropped. The listener goes with the last claim of its address.
#[derive(Debug)]
pub struct Claim {
    pub(crate) requests: mpsc::Receiver<Asked>,
    pub(crate) address: SocketAddr,
    pub(crate) path: String,
    pub(crate) registry: Arc<Registry>,
}

impl Claim {
    /// The next request, in the order in which they came whole. May be given up and called again.
    pub async fn next(&mut self) -> Option<Asked> {
        self.requests.recv().await
    }

    /// A request that waits already.
    pub fn next_waiting(&mut self) -> Option<Asked> {
        self.requests.try_recv().ok()
    }

    /// The address that is listened to, with its port where any was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.registry.release(self.address, &self.path);
    }
}

/// Where the requests of one path go.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) requests: mpsc::Sender<Asked>,
    pub(crate) system: String,
    pub(crate) limits: Limits,
    /// One for each request that may wait for its answer.
    pub(crate) places: Arc<Semaphore>,
}

/// The paths of one address, and those that nobody holds yet or any more.
#[derive(Debug, Default)]
pub(crate) struct Routes(Mutex<BTreeMap<String, Route>>, Mutex<BTreeSet<String>>);

impl Routes {
    /// With paths that somebody will hold.
    pub(crate) fn expecting(paths: BTreeSet<String>) -> Self {
        Self(Mutex::default(), Mutex::new(paths))
    }

    /// Has a path answered as one that somebody will hold.
    pub(crate) fn expect(&self, path: &str) {
        self.absent().insert(path.to_owned());
    }

    /// Holds a path: where its requests come out; nothing where somebody else holds it.
    pub(crate) fn hold(&self, wanted: &Wanted) -> Option<mpsc::Receiver<Asked>> {
        let Wanted { system, path, limits, .. } = wanted.clone();
        let mut routes = self.lock();
        if routes.contains_key(&path) {
            return None;
        }
        let waiting = limits.waiting.clamp(1, Semaphore::MAX_PERMITS);
        let (requests, receiver) = mpsc::channel(waiting);
        let places = Arc::new(Semaphore::new(waiting));
        routes.insert(path, Route { requests, system, limits, places });
        Some(receiver)
    }

    /// Lets a path go, and says whether it was the last.
    pub(crate) fn let_go(&self, path: &str) -> bool {
        let mut routes = self.lock();
        routes.remove(path);
        self.expect(path);
        routes.is_empty()
    }

    /// Whether somebody will hold the path that `asked` is, or is below of: for the first time, or again.
    pub(crate) fn is_expected(&self, asked: &str) -> bool {
        self.absent().iter().any(|path| is_below(asked, path))
    }

    /// The route of the longest path that `asked` is, or is below of.
    pub(crate) fn find(&self, asked: &str) -> Option<Route> {
        let routes = self.lock();
        let found =
            routes.iter().filter(|(path, _)| is_below(asked, path)).max_by_key(|(path, _)| path.len());
        found.map(|(_, route)| route.clone())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Route>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn absent(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.1.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `asked` is `path`, or below of it.
fn is_below(asked: &str, path: &str) -> bool {
    match asked.strip_prefix(path) {
        Some(rest) => rest.is_empty() || rest.starts_with('/') || path.ends_with('/'),
        None => false,
    }
}

/// What is wrong with a path that somebody wants to claim, if anything.
pub fn path_fault(path: &str) -> Option<&'static str> {
    let plain = |c: char| c.is_ascii_graphic() && !"?#%\\\"<>^`{|}".contains(c);
    if !path.starts_with('/') {
        return Some("a path begins with `/`");
    }
    if path.len() > 1 && path.ends_with('/') {
        return Some("a path does not end with `/`");
    }
    if !path.chars().all(plain) || path.split('/').any(|part| part == "." || part == "..") {
        return Some("a path is plain ASCII, without `?`, `#`, `%`, `.` and `..`");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_path_that_is_claimed_wins_and_others_are_nobodys() {
        let routes = Routes::default();
        let hold = |path: &str, waiting| {
            let limits = Limits { waiting, ..Limits::default() };
            let address = "127.0.0.1:0".parse().expect("an address");
            routes.hold(&Wanted { system: String::new(), address, path: path.to_owned(), tls: None, limits })
        };
        let _held = [("/a", 1), ("/a/b", 2)].map(|(path, waiting)| hold(path, waiting));
        for (asked, found) in [
            ("/a", Some(1)),
            ("/a/c", Some(1)),
            ("/a/b", Some(2)),
            ("/a/b/c", Some(2)),
            ("/a/bc", Some(1)),
            ("/ab", None),
            ("/", None),
            ("*", None),
        ] {
            assert_eq!(routes.find(asked).map(|route| route.limits.waiting), found, "{asked}");
        }
        assert!(hold("/a", 1).is_none());
        assert!(!routes.is_expected("/a/c"));
        assert!(!routes.let_go("/a") && routes.find("/a").is_none());
        assert!(routes.is_expected("/a/c") && !routes.is_expected("/ab"));
        assert!(routes.let_go("/a/b"));
        routes.expect("/c");
        assert!(routes.is_expected("/c/d") && routes.find("/c").is_none());
    }

    #[test]
    fn a_path_that_could_be_written_in_two_ways_is_refused() {
        for right in ["/", "/a", "/hooks/pay", "/a-b/c_d.e"] {
            assert_eq!(path_fault(right), None, "{right}");
        }
        for wrong in ["", "a", "/a/", "/a?b", "/a%20b", "/a b", "/../a", "/a/./b", "/ü"] {
            assert!(path_fault(wrong).is_some(), "{wrong}");
        }
    }
}
