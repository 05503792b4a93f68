//! A Debian package: both programs, their pages and completions. It depends on nothing, since both are static.
//! deb(5), deb-control(5).

use std::fs;

use crate::archive::{File, ar, gzip, tar};
use crate::{Architecture, Failure, PROGRAMS, Release};

/// Writes `lithify_VERSION_ARCHITECTURE.deb`.
pub(crate) fn package(release: &Release, architecture: &Architecture, share: &[File]) -> Result<(), Failure> {
    let mut files = Vec::new();
    for program in PROGRAMS {
        let content = fs::read(release.program(program, architecture).0)?;
        files.push(File { path: format!("./usr/bin/{program}"), mode: 0o755, content });
    }
    for file in share {
        let page = file.path.starts_with("share/man/");
        // As Debian has its own: completions of zsh in a directory of the distribution, pages compressed.
        let path = file.path.replace("share/zsh/site-functions", "share/zsh/vendor-completions");
        let path = format!("./usr/{path}{}", if page { ".gz" } else { "" });
        let content = if page { gzip(&file.content)? } else { file.content.clone() };
        files.push(File { path, mode: file.mode, content });
    }
    let copyright = format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nSource: {}\n\nFiles: *\nCopyright: the authors of lithify\nLicense: {}\n",
        release.source,
        release.license.replace(" OR ", " or ").replace("MIT", "Expat")
    );
    let licences = String::from_utf8(release.read("LICENSE-MIT")?)?;
    let copyright =
        format!("{copyright} Apache-2.0 is in /usr/share/common-licenses/Apache-2.0. Expat:\n{}", indented(&licences));
    let path = "./usr/share/doc/lithify/copyright".to_owned();
    files.push(File { path, mode: 0o644, content: copyright.into_bytes() });

    let kilobytes: usize = files.iter().map(|file| file.content.len().div_ceil(1024)).sum();
    let control = format!(
        "Package: lithify\nVersion: {}\nArchitecture: {}\nMaintainer: the authors of lithify <noreply@users.noreply.github.com>\nInstalled-Size: {kilobytes}\nSection: admin\nPriority: optional\nHomepage: {}\nDescription: {}\n{}",
        release.version,
        architecture.debian,
        release.source,
        "makes a container immutable from the inside",
        indented(&release.description)
    );
    let control = File { path: "./control".to_owned(), mode: 0o644, content: control.into_bytes() };
    let members = [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.gz", gzip(&tar(&[control], release.time)?)?),
        ("data.tar.gz", gzip(&tar(&files, release.time)?)?),
    ];
    release.write(&format!("lithify_{}_{}.deb", release.version, architecture.debian), ar(&members, release.time))?;
    Ok(())
}

/// As the lines of a long value: each begins with a blank, and an empty one is a dot.
fn indented(text: &str) -> String {
    text.lines().fold(String::new(), |text, line| text + " " + if line.trim().is_empty() { "." } else { line } + "\n")
}
