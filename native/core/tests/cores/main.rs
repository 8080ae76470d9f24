//! Whole cores joined back to back, driven by hand with virtual time and no descriptor.
//!
//! What crosses between them is lost, repeated, late and damaged at will; whatever happens, each
//! packet comes out at most once, unaltered, and from whom it was.

mod ends;
mod hostile;
mod network;
mod staged;
