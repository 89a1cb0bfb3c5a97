//! Links between the Markdown files lead somewhere: to a file that is there, to a heading that is in it.

use std::path::{Component, Path, PathBuf};

use super::source::{files_of_kind, root, text};

/// The targets of links outside of code, with their lines.
fn links(document: &str) -> Vec<(usize, String)> {
    let mut is_code = false;
    let mut links = Vec::new();
    for (number, line) in document.lines().enumerate() {
        is_code ^= line.trim_start().starts_with("```");
        if is_code {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            let target = line[at + 2..].split([')', ' ']).next().unwrap_or_default();
            links.push((number + 1, target.to_owned()));
        }
    }
    links
}

/// The anchors of a document's headings, as GitHub makes them.
pub(super) fn anchors(document: &str) -> Vec<String> {
    let mut is_code = false;
    let mut anchors: Vec<String> = Vec::new();
    for line in document.lines() {
        is_code ^= line.starts_with("```");
        let Some(heading) = line.strip_prefix('#').filter(|_| !is_code) else { continue };
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading
            .chars()
            .filter(|letter| letter.is_alphanumeric() || *letter == ' ' || *letter == '-' || *letter == '_');
        let anchor: String = kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect();
        let before = anchors.iter().filter(|known| **known == anchor).count();
        anchors.push(if before == 0 { anchor } else { format!("{anchor}-{before}") });
    }
    anchors
}

/// `docs/../README.md` without the way back.
pub(super) fn tidy(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut tidy, part| {
        match part {
            Component::ParentDir => drop(tidy.pop()),
            Component::CurDir => {}
            other => tidy.push(other),
        }
        tidy
    })
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for file in files_of_kind("", "md") {
        let document = text(file.to_str().unwrap());
        for (line, target) in links(&document) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) =
                target.split_once('#').map_or((target.as_str(), None), |(path, anchor)| (path, Some(anchor)));
            let path = if path.is_empty() { file.clone() } else { tidy(&file.parent().unwrap().join(path)) };
            let is_there = root().join(&path).exists();
            let has_anchor = anchor.is_none_or(|anchor| {
                is_there && anchors(&text(path.to_str().unwrap())).iter().any(|known| known == anchor)
            });
            if !is_there || !has_anchor {
                broken.push(format!("{}:{line}: {target}", file.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
