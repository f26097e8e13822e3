//! Each named rule of placement with the case that needs it.
