//! `postroom docs catalogue`: writes the pages into a folder that holds nothing else.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use postroom_council::Council;
use postroom_documents::{self as documents, MARK};

use crate::cli::CatalogueArgs;
use crate::failure::{Failure, count};
use crate::output;

pub(super) fn catalogue(council: &Council, args: &CatalogueArgs) -> Result<ExitCode, Failure> {
    let folder = &args.to;
    let told = |error: io::Error| Failure::Unreachable(format!("writing into {}: {error}", folder.display()));
    fs::create_dir_all(folder).map_err(told)?;
    let old = own(folder).map_err(told)?.ok_or_else(|| {
        let words = "it holds something that `postroom docs catalogue` did not write: name an empty folder";
        Failure::Wrong(format!("{}: {words}", folder.display()))
    })?;
    let pages = documents::catalogue(council);
    for page in &pages {
        fs::write(folder.join(&page.name), &page.text).map_err(told)?;
    }
    for path in old.iter().filter(|path| !pages.iter().any(|page| folder.join(&page.name) == **path)) {
        fs::remove_file(path).map_err(told)?;
    }
    output::line(format!("{}: {}", folder.display(), count(pages.len(), "page")));
    Ok(ExitCode::SUCCESS)
}

/// The pages of an earlier catalogue in the folder; `None` where it holds anything else.
fn own(folder: &Path) -> io::Result<Option<Vec<PathBuf>>> {
    let mut pages = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_page = path.extension().is_some_and(|extension| extension == "html")
            && fs::read_to_string(&path).is_ok_and(|text| text.contains(MARK));
        if !is_page {
            return Ok(None);
        }
        pages.push(path);
    }
    Ok(Some(pages))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_of_its_own_pages_is_its_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = || own(folder.path()).expect("read").map(|pages| pages.len());
        assert_eq!(own(), Some(0));
        fs::write(folder.path().join("a.html"), MARK).expect("written");
        assert_eq!(own(), Some(1));
        fs::write(folder.path().join("b.html"), "a page of somebody's").expect("written");
        assert_eq!(own(), None);
    }
}
