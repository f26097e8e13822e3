//! Links in the documents: every relative one must lead to a file, and its part after `#` to a heading there.
//! Links to elsewhere are not followed: a test must not depend on somebody else's server.

use crate::verbs::sources;
use crate::workspace;
use anyhow::Result;
use std::path::Path;

/// Links that lead nowhere, as `file: link`.
pub(super) fn broken() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for path in sources::files("md")? {
        let text = sources::read(&path)?;
        let folder = workspace::root().join(&path);
        let folder = folder.parent().unwrap_or(Path::new("/"));
        for link in links(&text) {
            if !leads_somewhere(&link, folder, &text) {
                found.push(format!("  {path}: {link}"));
            }
        }
    }
    Ok(found)
}

fn leads_somewhere(link: &str, folder: &Path, own_text: &str) -> bool {
    if link.contains("://") || link.starts_with("mailto:") {
        return true;
    }
    let (file, heading) = link
        .split_once('#')
        .map_or((link, None), |(file, heading)| (file, Some(heading)));
    let target = folder.join(file);
    if !file.is_empty() && !target.exists() {
        return false;
    }
    match heading {
        Some(heading) if file.is_empty() => headings(own_text).any(|one| one == heading),
        Some(heading) if file.ends_with(".md") => {
            let text = std::fs::read_to_string(&target).unwrap_or_default();
            headings(&text).any(|one| one == heading)
        }
        _ => true,
    }
}

/// The targets of `[text](target)`, outside code.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        if fenced {
            continue;
        }
        // Every second part between back quotes is code.
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        for after in prose.split("](").skip(1) {
            if let Some((target, _)) = after.split_once(')') {
                found.push(target.to_owned());
            }
        }
    }
    found
}

/// The headings of a document, as links name them.
fn headings(text: &str) -> impl Iterator<Item = String> {
    text.lines().filter(|line| line.starts_with('#')).map(|line| {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        let kept = words
            .chars()
            .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
        kept.map(|letter| if letter == ' ' { '-' } else { letter })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_in_prose_and_not_in_code() {
        let text = "See [one](a.md) and [two](b.md#part).\n`[no](x)`\n```\n[no](y)\n```\n";
        assert_eq!(links(text), ["a.md", "b.md#part"]);
    }

    #[test]
    fn a_link_into_this_page_needs_its_heading() {
        let here = Path::new("/");
        assert!(leads_somewhere("#what-it-is", here, "# Title\n## What it is\n"));
        assert!(!leads_somewhere("#what-it-was", here, "# Title\n## What it is\n"));
        assert!(leads_somewhere("https://elsewhere", here, ""));
        assert!(!leads_somewhere("no-such-file.md", here, ""));
    }
}
