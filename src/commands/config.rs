//! `vscale config`: the compose file as it is understood.

use super::{
    measure::{files_or_default, tell_notes, variable},
    print,
};
use crate::{cli::ConfigArgs, compose, error::Result, error::exit, redact::Redactor};

/// Prints it, secrets left out; what the user is to know goes to stderr.
pub fn config(args: &ConfigArgs) -> Result<u8> {
    let variables = args.variables();
    let project = compose::resolve(&files_or_default(&args.files), &variable(&variables))?;
    tell_notes(&project);
    let mut redactor = Redactor::default();
    project.teach(&mut redactor);
    print(project.to_yaml(&redactor).trim_end())?;
    Ok(exit::OK)
}
