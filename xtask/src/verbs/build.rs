//! `build`: makes what `run` boots and prints where it is.

use crate::build;
use crate::cli::BuildArguments;
use crate::exit;
use anyhow::Result;

/// The verb.
pub(super) fn build(arguments: &BuildArguments) -> Result<u8> {
    let built = build::everything(arguments.profile, None)?;
    if arguments.json {
        println!("{}", serde_json::to_string(&built)?);
    } else {
        println!("kernel    {}", built.kernel.display());
        println!("manifest  {}", built.manifest.display());
        println!("programs  {}", built.programs.display());
    }
    Ok(exit::OK)
}
