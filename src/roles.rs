//! What runs inside containers (load generator, mock, probe, a server of known limits), the model, and the plain things that these
//! share with the controller. Nothing here knows the controller.

pub mod app;
pub mod distribution;
pub mod error;
pub mod files;
pub mod limits;
pub mod load;
pub mod mock;
pub mod model;
pub mod probe;
pub mod text;
pub mod this_process;
pub mod units;
mod wire;
