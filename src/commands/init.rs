//! `vscale init`: reads what a folder tells of a server, and writes the file that `init` makes of it. It asks nothing, and
//! writes over nothing.

use super::{print, say};
use crate::{
    cli::{InitArgs, TargetFlags, Told},
    compose::default_files,
    error::{Error, Result, exit},
    init::{Dockerfile, Existing, RequestText, Source, Target, from_curl, from_har},
};
use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Read, Write, stdin},
    path::{Path, PathBuf},
};

/// Larger files are none of those that are read here.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// Writes a compose file, or a file of requests.
pub fn init(args: &InitArgs) -> Result<u8> {
    if let Some(line) = &args.curl {
        let line = if line == "-" { read_stdin()? } else { line.clone() };
        return write_requests(args, &from_curl(&line).map_err(Error::Usage)?);
    }
    if let Some(path) = &args.har {
        let wrong = |why: String| Error::Usage(format!("{}: {why}", path.display()));
        return write_requests(args, &from_har(&read(path)?, args.origin.as_deref()).map_err(wrong)?);
    }
    let target = target(args)?;
    let (name, measure) = match &target.source {
        Source::Service { files, .. } => ("vscale.yaml", Some(files.join(" -f "))),
        _ => ("compose.yaml", None),
    };
    let path = args.output.clone().unwrap_or_else(|| name.into());
    let text = target.compose_file();
    if path == Path::new("-") {
        return print(text.trim_end()).map(|()| exit::OK);
    }
    write_new(&path, &text, args.force)?;
    let file = path.display();
    let files = match measure {
        Some(other) => format!(" -f {other} -f {file}"),
        None if path == Path::new("compose.yaml") => String::new(),
        None => format!(" -f {file}"),
    };
    say(format_args!("wrote {file}; now: vscale bench{files}"));
    Ok(exit::OK)
}

/// The server that flags describe, without a file; `None` where a file does.
///
/// # Errors
/// [`Error::Usage`] where they leave out something that no Dockerfile says.
pub fn described(flags: &TargetFlags) -> Result<Option<Target>> {
    match flags.source() {
        Some(source) => describe(flags, source).map(Some),
        None => flags.refuse_others().map(|()| None),
    }
}

fn describe(flags: &TargetFlags, source: Source) -> Result<Target> {
    let told = match &source {
        Source::Build { context, dockerfile } => {
            told_by(&Path::new(context).join(dockerfile.as_deref().unwrap_or("Dockerfile")), None)?
        }
        _ => Told::default(),
    };
    flags.describe(source, &told)
}

/// What flags and folder tell.
fn target(args: &InitArgs) -> Result<Target> {
    let here = || Path::new("Dockerfile").is_file().then(|| Source::Build { context: ".".into(), dockerfile: None });
    let existing: Vec<PathBuf> = default_files(Path::new("")).into_iter().filter(|file| file.is_file()).collect();
    match (args.target.source(), &existing[..]) {
        (Some(source), _) => describe(&args.target, seen_from(source, args.output.as_deref())?),
        (None, []) if args.service.is_some() => Err(Error::Usage("--service: there is no compose file here".into())),
        (None, []) => match here() {
            Some(source) => describe(&args.target, seen_from(source, args.output.as_deref())?),
            None => Err(Error::Usage(
                "here is neither a compose file nor a Dockerfile: say with --image or --build what is measured".into(),
            )),
        },
        (None, files) => beside(files, args),
    }
}

/// A service of a compose file that is there.
fn beside(files: &[PathBuf], args: &InitArgs) -> Result<Target> {
    let flags = &args.target;
    let texts = files.iter().map(|file| Ok((file.display().to_string(), read(file)?)));
    let existing = Existing::read(&texts.collect::<Result<Vec<_>>>()?).map_err(Error::Usage)?;
    if flags.command.is_some() {
        return Err(Error::Usage(format!("--command: {} says what its services run", files[0].display())));
    }
    let name = existing.choose(args.service.as_deref()).map_err(Error::Usage)?;
    let of_dockerfile = match existing.built(&name) {
        Some(built) => match Path::new(&built.context).join(&built.dockerfile) {
            dockerfile if dockerfile.is_file() => told_by(&dockerfile, built.stage.as_deref())?,
            _ => Told::default(),
        },
        None => Told::default(),
    };
    let listed = existing.ports(&name);
    let told = Told {
        ports: if listed.is_empty() { of_dockerfile.ports } else { listed },
        workers: existing.workers(&name).unwrap_or(of_dockerfile.workers),
    };
    let (port, ready, workers) = (flags.port(&told)?, flags.ready(), flags.workers(&told));
    Ok(existing.target(name, port, ready, workers, flags.backend_env.clone()))
}

/// What a Dockerfile says of the server in it.
fn told_by(dockerfile: &Path, stage: Option<&str>) -> Result<Told> {
    let read = Dockerfile::read(&read(dockerfile)?, stage);
    Ok(Told { ports: read.ports.iter().map(u16::to_string).collect(), workers: read.workers })
}

/// A folder is named as seen from the compose file that names it.
fn seen_from(source: Source, output: Option<&Path>) -> Result<Source> {
    let is_here = output.and_then(Path::parent).is_none_or(|folder| folder.as_os_str().is_empty());
    match source {
        Source::Build { context, dockerfile } if !is_here => {
            let absolute = std::path::absolute(&context).map_err(Error::input(&context))?;
            Ok(Source::Build { context: absolute.display().to_string(), dockerfile })
        }
        source => Ok(source),
    }
}

fn write_requests(args: &InitArgs, made: &RequestText) -> Result<u8> {
    let path = args.output.clone().unwrap_or_else(|| "requests.jsonl".into());
    if path == Path::new("-") {
        print(made.lines.trim_end())?;
    } else {
        write_new(&path, &made.lines, args.force)?;
        say(format_args!(
            "wrote {0}; now: vscale bench --request-file {0}, or vscale load -H {1} --request-file {0}",
            path.display(),
            made.origin
        ));
    }
    made.notes.iter().for_each(|note| say(format_args!("note: {note}")));
    Ok(exit::OK)
}

/// Never over a file that is there, unless it is asked for.
fn write_new(path: &Path, text: &str, force: bool) -> Result<()> {
    let mut options = OpenOptions::new();
    let opened =
        if force { options.write(true).create(true).truncate(true) } else { options.write(true).create_new(true) };
    let mut file = opened.open(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            Error::Usage(format!("{} is there already: --force writes over it, -o names another", path.display()))
        }
        _ => Error::file(path)(error),
    })?;
    file.write_all(text.as_bytes()).map_err(Error::file(path))
}

fn read(path: &Path) -> Result<String> {
    let size = fs::metadata(path).map_err(Error::input(path))?.len();
    if size > MAX_FILE_BYTES {
        return Err(Error::Usage(format!("{}: {size} bytes are more than are read", path.display())));
    }
    fs::read_to_string(path).map_err(Error::input(path))
}

fn read_stdin() -> Result<String> {
    let mut text = String::new();
    stdin().take(MAX_FILE_BYTES).read_to_string(&mut text).map_err(Error::input("stdin"))?;
    Ok(text)
}
