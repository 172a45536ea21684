//! Laws of scaling, fitted to throughput over a setting, and what such data say without a law. Knows plain numbers
//! only.
//!
//! Not the linear regression of N/X on N that is often used: it weighs the points so that it misses published
//! parameters by a fifth.

mod blocks;
mod choice;
mod curve;
mod laws;
mod levenberg;

#[cfg(test)]
mod coverage;
#[cfg(test)]
mod published;

pub use blocks::PointData;
pub use choice::{BLOCKS_NEEDED, Candidate, WhyNone};
pub use curve::{Contrast, Curve, CurvePoint, LINEAR_MARGIN};
pub use laws::{Fitted, Law, Observation, Scale};
