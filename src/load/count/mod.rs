//! What came of the requests: counted by each thread for itself, slice by slice, and merged by the calling thread.

mod collect;
mod failures;
mod recorder;
mod steady;
mod tally;
mod timeline;

pub use collect::Collector;
pub use failures::body_text;
pub use recorder::{Counts, Recorder, Slice, Times};
pub use steady::SteadyDetector;
pub use tally::Tally;
pub use timeline::{LEAD, Timeline};
