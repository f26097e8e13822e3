//! Which file of a crate names something of which other file: read from its source, with every path followed through imports
//! and re-exports to the file that has the thing. Code for tests is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use syn::ext::IdentExt;
use syn::visit::{self, Visit};

/// A module's path from the crate's root; the root is empty.
type Module = Vec<String>;

/// One file that names something of another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Arrow {
    /// The file that names it, from the crate's source folder.
    pub(super) from: String,
    /// The line.
    pub(super) line: usize,
    /// The file that has it.
    pub(super) to: String,
    /// What is named, as a path from the crate's root.
    pub(super) what: String,
}

/// The files of a crate and what they name.
#[derive(Default)]
pub(super) struct Graph {
    files: BTreeMap<Module, String>,
    /// What a module takes in under a name: the path behind it, and whether others see it.
    imports: BTreeMap<Module, BTreeMap<String, (Vec<String>, bool)>>,
    named: Vec<(Module, Vec<String>, usize)>,
}

impl Graph {
    /// Reads every file below a source folder, but not those that are only tests.
    pub(super) fn read(folder: &Path) -> Graph {
        let mut graph = Graph::default();
        let mut open = vec![folder.to_path_buf()];
        while let Some(path) = open.pop() {
            let name = path
                .file_stem()
                .and_then(|stem| stem.to_str())
                .unwrap_or_default();
            if path.is_dir() && name != "tests" {
                open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            } else if path.extension().is_some_and(|end| end == "rs") && name != "tests" {
                let file = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                graph.add(&file, &fs::read_to_string(&path).unwrap());
            }
        }
        graph
    }

    /// Takes in a file.
    pub(super) fn add(&mut self, file: &str, text: &str) {
        let mut module: Module = file
            .trim_end_matches(".rs")
            .split('/')
            .map(str::to_owned)
            .collect();
        if module.last().is_some_and(|last| last == "mod" || last == "lib") {
            module.pop();
        }
        self.files.insert(module.clone(), file.to_owned());
        let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut reader = Reader { graph: self, module };
        reader.visit_file(&parsed);
    }

    /// All files.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.files.values().map(String::as_str)
    }

    /// All arrows, in order and each once.
    pub(super) fn arrows(&self) -> BTreeSet<Arrow> {
        let arrow = |(module, path, line): &(Module, Vec<String>, usize)| {
            let (to, what) = self.place(module, path)?;
            let from = self.file(module)?;
            (from != to).then(|| Arrow {
                from: from.to_owned(),
                line: *line,
                to: to.to_owned(),
                what,
            })
        };
        self.named.iter().filter_map(arrow).collect()
    }

    /// The file that a module is in.
    fn file(&self, module: &[String]) -> Option<&str> {
        (0..=module.len())
            .rev()
            .find_map(|end| self.files.get(&module[..end]))
            .map(String::as_str)
    }

    fn is_module(&self, path: &[String]) -> bool {
        self.files.contains_key(path)
    }

    /// Where the thing is that `path` names in `module`: its file, and its path from the root. `None` for what is no part of the crate.
    fn place(&self, module: &Module, path: &[String]) -> Option<(&str, String)> {
        let mut at = self.start(module, path)?;
        // Every step through a re-export comes closer to the thing; a circle of them would not compile.
        for _ in 0..16 {
            let known = (0..=at.len()).rev().find(|end| self.is_module(&at[..*end]))?;
            let next = at.get(known).and_then(|name| {
                let (behind, is_public) = self.imports.get(&at[..known])?.get(name)?;
                is_public.then(|| self.start(&at[..known].to_vec(), behind))?
            });
            match next {
                Some(mut behind) => {
                    behind.extend_from_slice(&at[known + 1..]);
                    at = behind;
                }
                None => return Some((self.file(&at[..known])?, at.join("::"))),
            }
        }
        None
    }

    /// The path from the root that a path in `module` begins as.
    fn start(&self, module: &Module, path: &[String]) -> Option<Vec<String>> {
        let (first, rest) = path.split_first()?;
        let mut base = match first.as_str() {
            "crate" => Vec::new(),
            "self" => module.clone(),
            "super" => {
                let mut parent = module.clone();
                parent.pop();
                let beyond = rest.iter().take_while(|part| *part == "super").count();
                parent.truncate(parent.len().saturating_sub(beyond));
                parent.extend(rest[beyond..].iter().cloned());
                return Some(parent);
            }
            name => {
                let child: Module = module.iter().cloned().chain([name.to_owned()]).collect();
                if self.is_module(&child) {
                    child
                } else {
                    let (behind, _) = self.imports.get(module)?.get(name)?;
                    // An import that begins with its own name is one of another crate's.
                    (behind.first() != Some(first)).then(|| self.start(module, behind))??
                }
            }
        };
        base.extend(rest.iter().cloned());
        Some(base)
    }
}

/// Collects what one file says.
struct Reader<'a> {
    graph: &'a mut Graph,
    module: Module,
}

impl Reader<'_> {
    /// A path in code. A name alone is a local one, or was imported and is an arrow there.
    fn path(&mut self, path: Vec<String>, line: usize) {
        if path.len() > 1 {
            self.name(path, line);
        }
    }

    fn name(&mut self, path: Vec<String>, line: usize) {
        self.graph.named.push((self.module.clone(), path, line));
    }

    fn import(&mut self, tree: &syn::UseTree, before: &[String], is_public: bool) {
        let with = |name: &syn::Ident| {
            let mut path = before.to_vec();
            // `use a::{self}` names `a`.
            if name != "self" || path.is_empty() {
                path.push(name.unraw().to_string());
            }
            path
        };
        match tree {
            syn::UseTree::Path(path) => self.import(&path.tree, &with(&path.ident), is_public),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, before, is_public);
                }
            }
            syn::UseTree::Name(name) => self.take_in(with(&name.ident), &name.ident, &name.ident, is_public),
            syn::UseTree::Rename(name) => {
                self.take_in(with(&name.ident), &name.rename, &name.ident, is_public);
            }
            syn::UseTree::Glob(glob) => self.name(before.to_vec(), glob.star_token.spans[0].start().line),
        }
    }

    /// Takes a path in under a name; `self` stands for the last part of the path.
    fn take_in(&mut self, path: Vec<String>, name: &syn::Ident, said: &syn::Ident, is_public: bool) {
        let name = if name == "self" {
            path.last().cloned()
        } else {
            Some(name.unraw().to_string())
        };
        if let Some(name) = name {
            let imports = self.graph.imports.entry(self.module.clone()).or_default();
            imports.insert(name, (path.clone(), is_public));
        }
        self.name(path, said.span().start().line);
    }
}

/// Whether an item is compiled for tests alone.
fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Ident>()
                .is_ok_and(|ident| ident == "test")
    })
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Fn(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            syn::Item::Impl(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let is_public = !matches!(item.vis, syn::Visibility::Inherited);
        self.import(&item.tree, &[], is_public);
    }

    /// `pub(super)` and its like say who sees a thing; they use nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts = path.segments.iter().map(|part| part.ident.unraw().to_string());
        let line = path
            .segments
            .first()
            .map_or(0, |first| first.ident.span().start().line);
        self.path(parts.collect(), line);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.visit_path(&called.path);
        // What a macro makes of its tokens is not known, but a path in them is a path.
        self.tokens(called.tokens.clone());
    }
}

impl Reader<'_> {
    fn tokens(&mut self, tokens: proc_macro2::TokenStream) {
        use proc_macro2::TokenTree;
        let (mut path, mut line, mut colons): (Vec<String>, usize, usize) = (Vec::new(), 0, 0);
        for token in tokens {
            match &token {
                TokenTree::Ident(ident) if !path.is_empty() && colons == 2 => path.push(ident.to_string()),
                TokenTree::Punct(sign) if sign.as_char() == ':' && !path.is_empty() => {
                    colons += 1;
                    continue;
                }
                other => {
                    self.path(std::mem::take(&mut path), line);
                    if let TokenTree::Ident(ident) = other {
                        (path, line) = (vec![ident.to_string()], ident.span().start().line);
                    }
                }
            }
            colons = 0;
            if let TokenTree::Group(group) = token {
                self.tokens(group.stream());
            }
        }
        self.path(path, line);
    }
}
