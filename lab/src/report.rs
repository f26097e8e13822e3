//! Reports: one HTML file that needs nothing else. It opens without a network, its plots are in it, its tables are tables,
//! and it runs no script; it has a light and a dark look and prints on white. Its Markdown twin has the same words and tables.
//!
//! [`Page`] is built from sections of prose, lists, tables and figures, each figure with the command that made it. [`figures`] draws
//! what a trace shows, and [`of_trace`] makes a whole page of it; [`of_rows`] makes one of what `./x bench` measured.

mod bench;
pub mod figures;
mod html;
mod markdown;
mod page;
mod trace;

pub use bench::{Compared, of_rows};
pub use page::{Figure, Page, Section, Table};
pub use trace::of_trace;
