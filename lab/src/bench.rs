//! What `./x bench` measured: its rows, read from JSON lines, and what can be said of them without drawing anything.
//!
//! [`Row`] is a line of a results file, [`Rows`] a file of them ([`read`]). [`judge`] holds a figure against its aim and against
//! Linux; [`change`] holds a run against an older one. The page is made of it in [`crate::report::of_rows`]. docs/reports.md lists
//! the keys.

pub mod change;
pub mod judge;
mod kind;
mod read;
mod row;
mod rows;

pub use kind::{Clock, System, Topic};
pub use read::{Refused, read};
pub use row::{Aim, Recipe, Row};
pub use rows::Rows;
