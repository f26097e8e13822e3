//! A deterministic machine of many virtual CPUs that drives the scheduler core, unchanged.
//!
//! Reading order: [`scenario`] says what is run; [`machine`] runs it and [`audit`] names the rules that must hold
//! meanwhile; [`choose`] decides what a scenario leaves open. [`measure`] and [`record`] are what comes out.
#![forbid(unsafe_code)]

pub mod audit;
pub mod campaign;
pub mod choose;
pub mod compare;
pub mod coverage;
pub mod generate;
pub mod ideal;
pub mod input;
pub mod machine;
pub mod measure;
pub mod random;
pub mod record;
pub mod sabotage;
pub mod scenario;
pub mod shrink;

pub use audit::{Broken, Rule};
pub use machine::supply;
pub use machine::{Ending, Jobs, Machine, Maker, Refusal, RunResult, Summary, Waiter};
pub use sabotage::Sabotage;
pub use scenario::Scenario;
