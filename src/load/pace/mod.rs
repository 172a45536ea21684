//! When requests are due: from a schedule in open loop, from the answers in closed loop. Pure.

mod arrivals;
mod pacer;
mod ramp;
mod users;

pub use arrivals::DueTimes;
pub use pacer::{ClosedPacer, OpenPacer, Pacer};
pub use ramp::Ramp;
pub use users::UserSchedule;
