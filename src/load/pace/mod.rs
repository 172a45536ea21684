//! When requests are due: from a schedule in open loop, from the answers in closed loop. Pure, but for `timer`.

mod arrivals;
mod pacer;
mod ramp;
mod timer;
mod users;

pub use arrivals::DueTimes;
pub use pacer::{ClosedPacer, OpenPacer, Pacer};
pub use ramp::Ramp;
pub use timer::PreciseTimer;
pub use users::UserSchedule;
