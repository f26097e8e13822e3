//! What to tell the person who wrote the TOML: file, line, field, and the line itself with a mark under the
//! place.

use serde::Serialize;
use std::cell::RefCell;
use std::fmt;
use std::ops::Range;
use std::path::Path;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The manifest cannot be built or booted.
    Error,
    /// It can, but look at this.
    Warning,
}

/// One thing to say.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The file, as it was named.
    pub file: String,
    /// Line from 1, if it is about a line.
    pub line: Option<usize>,
    /// Column from 1, in characters.
    pub column: Option<usize>,
    /// The field, as the file calls it.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// The line's text, and how many characters of it are meant.
    #[serde(skip)]
    pub excerpt: Option<(String, usize)>,
}

impl Diagnostic {
    /// About a whole file.
    #[must_use]
    pub fn about(file: &Path, message: &str) -> Self {
        Self {
            file: file.display().to_string(),
            ..Self::of_field("", message)
        }
    }

    /// About a field of something that has no lines.
    #[must_use]
    pub fn of_field(field: &str, message: &str) -> Self {
        Self {
            severity: Severity::Error,
            file: String::new(),
            line: None,
            column: None,
            field: field.to_owned(),
            message: message.to_owned(),
            excerpt: None,
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: ")?;
        if !self.file.is_empty() {
            write!(f, "{}", self.file)?;
            if let (Some(line), Some(column)) = (self.line, self.column) {
                write!(f, ":{line}:{column}")?;
            }
            write!(f, ": ")?;
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        writeln!(f, "{}", self.message)?;
        if let (Some((text, width)), Some(line), Some(column)) = (&self.excerpt, self.line, self.column) {
            let margin = line.to_string().len();
            writeln!(f, "{line} | {text}")?;
            writeln!(
                f,
                "{:margin$} | {:indent$}{}",
                "",
                "",
                "^".repeat(*width),
                indent = column - 1
            )?;
        }
        Ok(())
    }
}

/// Everything that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// At least one error, and what warnings there were.
    pub diagnostics: Vec<Diagnostic>,
}

impl Failure {
    pub(crate) fn one(diagnostic: Diagnostic) -> Self {
        Self {
            diagnostics: vec![diagnostic],
        }
    }

    /// The same, with the name of the file it is about.
    #[must_use]
    pub fn in_file(mut self, file: &Path) -> Self {
        for diagnostic in &mut self.diagnostics {
            diagnostic.file = file.display().to_string();
        }
        self
    }

    /// One JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::json!({ "result": "failed", "diagnostics": self.diagnostics }).to_string()
    }
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.diagnostics
            .iter()
            .try_for_each(|diagnostic| write!(f, "{diagnostic}"))
    }
}

/// Where a field of the manifest came from.
struct Origin {
    /// Path of the field in the manifest.
    target: String,
    /// Path of the key in the TOML file.
    key: String,
    span: Range<usize>,
}

/// What is found while one file is built, and where each field came from.
pub(crate) struct Notes<'t> {
    pub(crate) file: &'t Path,
    pub(crate) text: &'t str,
    found: RefCell<Vec<Diagnostic>>,
    origins: RefCell<Vec<Origin>>,
}

impl<'t> Notes<'t> {
    pub(crate) fn new(file: &'t Path, text: &'t str) -> Self {
        Self {
            file,
            text,
            found: RefCell::default(),
            origins: RefCell::default(),
        }
    }

    /// Remembers that the manifest's field `target` was written from `key` at `span`.
    pub(crate) fn origin(&self, target: &str, key: &str, span: Range<usize>) {
        self.origins.borrow_mut().push(Origin {
            target: target.to_owned(),
            key: key.to_owned(),
            span,
        });
    }

    /// An error at a place in the file.
    pub(crate) fn error(&self, key: &str, span: Range<usize>, message: &str) {
        self.report(key, Some(span), message, Severity::Error);
    }

    /// Something about a field of the manifest, told at the nearest place it was written from.
    pub(crate) fn report_field(&self, field: &str, message: &str, severity: Severity) {
        let origins = self.origins.borrow();
        let nearest = origins
            .iter()
            .filter(|origin| is_within(field, &origin.target))
            .max_by_key(|origin| origin.target.len());
        match nearest {
            Some(origin) => self.report(&origin.key, Some(origin.span.clone()), message, severity),
            None => self.report(field, None, message, severity),
        }
    }

    fn report(&self, field: &str, span: Option<Range<usize>>, message: &str, severity: Severity) {
        let mut diagnostic = Diagnostic {
            severity,
            ..Diagnostic::about(self.file, message)
        };
        diagnostic.field = field.to_owned();
        if let Some(span) = span {
            let start = span.start.min(self.text.len());
            let line_start = self.text[..start].rfind('\n').map_or(0, |newline| newline + 1);
            let line = self.text[line_start..].lines().next().unwrap_or_default();
            let column = self.text[line_start..start].chars().count() + 1;
            // A value of several lines is marked on its first.
            let rest = line.chars().count().saturating_sub(column - 1);
            let width = self
                .text
                .get(span)
                .map_or(1, |text| text.chars().count())
                .clamp(1, rest.max(1));
            diagnostic.line = Some(self.text[..start].matches('\n').count() + 1);
            diagnostic.column = Some(column);
            diagnostic.excerpt = Some((line.to_owned(), width));
        }
        self.found.borrow_mut().push(diagnostic);
    }

    /// Gives up when there was an error.
    pub(crate) fn fail_if_errors(&self) -> Result<(), Failure> {
        let found = self.found.borrow();
        if found
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
        {
            return Err(Failure {
                diagnostics: found.clone(),
            });
        }
        Ok(())
    }

    pub(crate) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.found.into_inner()
    }
}

/// Whether `field` is `ancestor` or a part of it.
fn is_within(field: &str, ancestor: &str) -> bool {
    field
        .strip_prefix(ancestor)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
