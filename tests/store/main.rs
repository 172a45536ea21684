//! The run folder: what lies where, what survives, and what older versions wrote.

mod fixture;
mod folder;
mod publish;
mod v2;
mod visits;
