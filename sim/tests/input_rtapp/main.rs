//! What rt-app's files mean: the liberties that they take, what each key comes to, and what is refused.

mod deadline;
mod liberties;
mod meaning;
mod refused;
mod support;
