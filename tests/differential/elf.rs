//! `recognise::elf` against the crate `object`.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use lithify::recognise::elf::{self, Dynamic, Elf, Entry, Machine, Strings};
use object::elf::{FileHeader32, FileHeader64};
use object::read::elf::{Dyn as _, FileHeader, ProgramHeader as _, Sym as _};
use object::read::{ReadCache, ReadRef};
use object::{Endianness, elf as constant};
use proptest::prelude::*;

const PAGE: u64 = 4096;
/// How much of a string lithify looks at: longer names and paths nobody can open.
const MAX_STRING: usize = 4096;

/// What is read of a file at first.
const HEAD: u64 = 64 * 1024;

/// What both say of a file.
#[derive(Debug, PartialEq)]
struct Seen {
    dynamic: Option<Dynamic>,
    code: Option<[u64; 2]>,
    strings: Option<Strings>,
}

fn ours(read_at: impl Fn(u64, usize) -> Option<Vec<u8>>) -> Seen {
    // The strings are told from what is read at first.
    let head = read_at(0, HEAD as usize).unwrap();
    Seen { dynamic: Dynamic::read(&read_at), code: elf::code(&read_at), strings: elf::strings(&head) }
}

/// The same by `object`. `None` where that refuses the file, or where it is one of those for which they differ.
fn theirs<'data, R: ReadRef<'data>>(data: R) -> Option<Seen> {
    match data.read_bytes_at(0, 5).ok()?.last()? {
        1 => of::<FileHeader32<Endianness>, R>(data),
        2 => of::<FileHeader64<Endianness>, R>(data),
        _ => None,
    }
}

fn of<'data, H: FileHeader<Endian = Endianness>, R: ReadRef<'data>>(data: R) -> Option<Seen> {
    let header = H::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let kind = header.e_type(endian);
    if kind != constant::ET_EXEC && kind != constant::ET_DYN {
        return Some(Seen { dynamic: None, code: None, strings: None });
    }
    let segments = header.program_headers(endian, data).ok()?;
    // Nothing without a segment is started or loaded, whatever it is taken for; nor has anything that is a table of more
    // than 64 KiB, or two dynamic sections.
    let dynamic: Vec<_> = segments.iter().filter(|segment| segment.p_type(endian) == constant::PT_DYNAMIC).collect();
    if segments.is_empty() || segments.len() * usize::from(header.e_phentsize(endian)) > 64 * 1024 || dynamic.len() > 1
    {
        return None;
    }

    let mut interpreter = None;
    for segment in segments {
        if let Some(path) = segment.interpreter(endian, data).ok()? {
            interpreter = Some(path.to_vec());
        }
    }
    let section = dynamic.first().copied();
    let entries = section.map_or(Some(Some(&[][..])), |segment| segment.dynamic(endian, data).ok())?.unwrap();
    let tags: Vec<_> = entries.iter().take_while(|entry| entry.d_tag(endian) != constant::DT_NULL).collect();
    let values = |tag| tags.iter().filter(move |entry| entry.d_tag(endian) == tag).map(|entry| entry.val(endian));
    let pie = values(constant::DT_FLAGS_1).next_back().is_some_and(|flags| flags & constant::DF_1_PIE.0 != 0);
    let has_soname = values(constant::DT_SONAME).next().is_some();
    let starts = section.is_some_and(|segment| segment.file_range(endian).1 > 0);
    let loadable = kind == constant::ET_DYN && section.is_some();
    let loads: Vec<_> = segments.iter().filter(|segment| segment.p_type(endian) == constant::PT_LOAD).collect();
    let place = |address: u64| {
        let within = |start: u64, size: u64| address >= start && address - start < size;
        let load = loads.iter().find(|load| within(load.p_vaddr(endian).into(), load.file_range(endian).1))?;
        load.file_range(endian).0.checked_add(address - load.p_vaddr(endian).into())
    };
    let table = match (values(constant::DT_STRTAB).next(), values(constant::DT_STRSZ).next()) {
        (Some(address), Some(size)) => Some((place(address), size)),
        _ => None,
    };
    let start: u64 = header.e_entry(endian).into();
    let kind = if loadable && !pie && (has_soname || interpreter.is_none()) {
        Elf::Library {
            entry: match () {
                () if start == 0 => Entry::Absent,
                () if interpreter.is_some() => Entry::WithLoader,
                () if values(constant::DT_NEEDED).next().is_some() => Entry::Bare,
                () => Entry::Alone,
            },
        }
    } else {
        Elf::Program { interpreter: interpreter.clone(), loadable: loadable && !pie, dynamic: starts }
    };

    let machine =
        Machine { wide: header.is_type_64(), little: header.is_little_endian(), number: header.e_machine(endian).0 };
    let mut found = Dynamic {
        kind,
        machine,
        needed: Vec::new(),
        filters: Vec::new(),
        soname: None,
        rpath: None,
        runpath: None,
        names_dlopen: false,
    };
    let mut known = true;
    match table {
        None => {}
        // Its names are not in the file: nothing is known of it.
        Some((None, _)) => known = false,
        Some((Some(start), size)) => {
            let end = start.checked_add(size)?;
            let table = object::StringTable::new(data, start, end);
            // A string that has no end in the file is none to `object`, and what there is of it to the loader.
            let get = |at: u64| -> Option<Result<Vec<u8>, ()>> {
                if at >= size {
                    return Some(Err(()));
                }
                let text = table.get(u32::try_from(at).ok()?).ok()?;
                (text.len() < MAX_STRING).then(|| Ok(text.to_vec()))
            };
            let mut all = |tag, out: &mut Vec<Vec<u8>>| -> Option<()> {
                for at in values(tag) {
                    match get(at)? {
                        Ok(text) => out.push(text),
                        Err(()) => known = false,
                    }
                }
                Some(())
            };
            all(constant::DT_NEEDED, &mut found.needed)?;
            let (mut rpath, mut runpath) = (Vec::new(), Vec::new());
            all(constant::DT_RPATH, &mut rpath)?;
            all(constant::DT_RUNPATH, &mut runpath)?;
            (found.rpath, found.runpath) = (rpath.pop(), runpath.pop());
            let filter =
                |entry: &&&H::Dyn| [constant::DT_AUXILIARY, constant::DT_FILTER].contains(&entry.d_tag(endian));
            for entry in tags.iter().filter(filter) {
                match get(entry.val(endian))? {
                    Ok(text) => found.filters.push(text),
                    Err(()) => known = false,
                }
            }
            if let Some(at) = values(constant::DT_SONAME).next_back() {
                found.soname = get(at)?.ok();
            }
            let bytes = data.read_bytes_at(start, size).ok()?;
            found.names_dlopen = bytes.windows(7).any(|part| part == b"dlopen\0");
        }
    }

    let (mut first, mut executable, mut end) = (u64::MAX, u64::MAX, 0);
    for load in &loads {
        let start: u64 = load.p_vaddr(endian).into();
        first = first.min(start);
        if load.p_flags(endian).0 & constant::PF_X.0 != 0 {
            executable = executable.min(start);
            end = end.max(start.saturating_add(load.file_range(endian).1));
        }
    }
    let pages = |from: u64| end.div_ceil(PAGE).saturating_sub(from / PAGE);

    let unwinding = segments.iter().find(|segment| segment.p_type(endian) == constant::PT_GNU_EH_FRAME);
    let mut read_only = Vec::new();
    for load in loads.iter().filter(|load| load.p_flags(endian) == constant::PF_R) {
        let (offset, size) = load.file_range(endian);
        let before = unwinding.and_then(|segment| segment.file_range(endian).0.checked_sub(offset));
        read_only.push((offset, before.map_or(size, |before| before.min(size))));
    }
    let apart = read_only.windows(2).all(|pair| pair[0].0.checked_add(pair[0].1).is_some_and(|end| end <= pair[1].0));
    // Of a table beyond what is read at first, which no linker makes, nothing is told.
    let size = u64::from(header.e_phentsize(endian)) * u64::from(header.e_phnum(endian));
    let in_head = header.e_phoff(endian).into().checked_add(size).is_some_and(|end| end <= HEAD);
    Some(Seen {
        dynamic: known.then_some(found),
        code: Some([pages(executable), pages(first)]),
        strings: in_head.then_some(Strings {
            ranges: (read_only.len() >= 2 && apart).then_some(read_only),
            has_interpreter: segments.iter().any(|segment| segment.p_type(endian) == constant::PT_INTERP),
        }),
    })
}

/// Whether the section headers name a dynamic symbol `dlopen`.
fn imports_dlopen<'data, H: FileHeader<Endian = Endianness>, R: ReadRef<'data>>(data: R) -> Option<bool> {
    let header = H::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, data).ok()?;
    let symbols = sections.symbols(endian, data, constant::SHT_DYNSYM).ok()?;
    Some(symbols.iter().any(|symbol| symbol.name(endian, symbols.strings()).is_ok_and(|name| name == b"dlopen")))
}

fn of_bytes(bytes: &[u8]) -> impl Fn(u64, usize) -> Option<Vec<u8>> {
    |offset, length| {
        let from = usize::try_from(offset).ok()?.min(bytes.len());
        Some(bytes[from..bytes.len().min(from.saturating_add(length))].to_vec())
    }
}

/// Regular files below these directories that begin as ELF files do, each once.
fn elf_files(pending: &mut Vec<PathBuf>) -> Vec<PathBuf> {
    let (mut found, mut seen) = (Vec::new(), HashSet::new());
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let stat = path.symlink_metadata().unwrap();
            let mut magic = [0; 4];
            if stat.is_dir() {
                pending.push(path);
            } else if stat.is_file()
                && seen.insert((stat.dev(), stat.ino()))
                && fs::File::open(&path).unwrap().read_at(&mut magic, 0).unwrap() == 4
                && &magic == b"\x7fELF"
            {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn every_elf_file_of_real_systems() {
    let trees = std::env::var_os("LITHIFY_ROOTFS").map_or(project("target/rootfs"), PathBuf::from);
    let trees = ["nginx", "httpd", "redis", "python", "shells", "alpine"].map(|name| trees.join(name));
    assert!(trees.iter().all(|tree| tree.is_dir()), "{trees:?}: run tests/rootfs.sh first");
    let machine = ["/usr/bin", "/usr/sbin", "/usr/lib/x86_64-linux-gnu", "/usr/lib/gcc"].map(PathBuf::from);
    let files = elf_files(&mut trees.into_iter().chain(machine).filter(|path| path.is_dir()).collect());
    let (mut compared, mut programs, mut libraries, mut dlopen) = (0, 0, 0, 0);
    for path in files {
        let file = fs::File::open(&path).unwrap();
        let seen = ours(|offset, length| {
            let mut bytes = vec![0; length];
            let read = file.read_at(&mut bytes, offset).ok()?;
            bytes.truncate(read);
            Some(bytes)
        });
        let cache = ReadCache::new(fs::File::open(&path).unwrap());
        let Some(expected) = theirs(&cache) else { continue };
        compared += 1;
        assert_eq!(seen, expected, "{}", path.display());
        let Some(dynamic) = seen.dynamic else { continue };
        match dynamic.kind {
            Elf::Library { .. } => libraries += 1,
            Elf::Program { .. } => programs += 1,
        }
        if let Some(imports) = imports_dlopen::<FileHeader64<Endianness>, _>(&cache) {
            // Whoever imports it has the name, if only as the end of a longer one; the name may be there for another reason.
            assert!(dynamic.names_dlopen || !imports, "{} imports dlopen", path.display());
            dlopen += usize::from(imports);
        }
    }
    println!("{compared} files: {programs} programs, {libraries} libraries, {dlopen} with dlopen");
    assert!(compared > 4000 && programs > 1000 && libraries > 1000 && dlopen > 20);
}

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A file of either class and byte order with these entries in its dynamic section: tags, and strings or numbers.
fn made(wide: bool, little: bool, kind: u16, interpreter: Option<&[u8]>, entries: &[(u64, Value)]) -> Vec<u8> {
    const BASE: u64 = 0x10000;
    let number = |value: u64, size: usize| -> Vec<u8> {
        let mut bytes = value.to_le_bytes()[..size].to_vec();
        if !little {
            bytes.reverse();
        }
        bytes
    };
    let word = if wide { 8 } else { 4 };
    let (head, entry) = if wide { (64, 56) } else { (52, 32) };
    let count = 2 + usize::from(interpreter.is_some());
    let (mut strings, mut tags) = (vec![0], Vec::new());
    for (tag, value) in entries {
        tags.push((
            *tag,
            match value {
                Value::Text(text) => {
                    let at = strings.len();
                    strings.extend_from_slice(text);
                    strings.push(0);
                    at as u64
                }
                Value::Number(number) => *number,
            },
        ));
    }
    let interpreter_at = head + count * entry;
    let strings_at = interpreter_at + interpreter.map_or(0, |path| path.len() + 1);
    let dynamic_at = strings_at + strings.len();
    tags.extend([(5, BASE + strings_at as u64), (10, strings.len() as u64), (0, 0)]);
    let size = dynamic_at + tags.len() * 2 * word;

    let mut bytes = vec![0x7f, b'E', b'L', b'F', if wide { 2 } else { 1 }, if little { 1 } else { 2 }, 1];
    bytes.resize(16, 0);
    // Of MIPS there are machines of either class and byte order.
    for value in [u64::from(kind), 8] {
        bytes.extend(number(value, 2));
    }
    bytes.extend(number(1, 4));
    for value in [BASE, head as u64, 0] {
        bytes.extend(number(value, word));
    }
    bytes.extend(number(0, 4));
    for value in [head, entry, count, 0, 0, 0] {
        bytes.extend(number(value as u64, 2));
    }
    let mut segment = |kind: u64, flags: u64, offset: usize, size: usize| {
        let (offset, size) = (offset as u64, size as u64);
        bytes.extend(number(kind, 4));
        if wide {
            bytes.extend(number(flags, 4));
        }
        for value in [offset, BASE + offset, BASE + offset, size, size] {
            bytes.extend(number(value, word));
        }
        if !wide {
            bytes.extend(number(flags, 4));
        }
        bytes.extend(number(1, word));
    };
    segment(1, 5, 0, size);
    segment(2, 6, dynamic_at, tags.len() * 2 * word);
    if let Some(path) = interpreter {
        segment(3, 4, interpreter_at, path.len() + 1);
    }
    assert_eq!(bytes.len(), interpreter_at);
    bytes.extend(interpreter.into_iter().flat_map(|path| [path, b"\0"].concat()));
    bytes.extend(strings);
    bytes.extend(tags.iter().flat_map(|(tag, value)| [number(*tag, word), number(*value, word)].concat()));
    assert_eq!(bytes.len(), size);
    bytes
}

#[derive(Clone, Debug)]
enum Value {
    Text(Vec<u8>),
    Number(u64),
}

/// Tags with strings, `DT_FLAGS_1`, and what else linkers write.
fn entry() -> impl Strategy<Value = (u64, Value)> {
    let text = prop_oneof![
        "[a-z/.$]{0,20}".prop_map(String::into_bytes),
        Just(b"dlopen".to_vec()),
        proptest::collection::vec(1u8.., 0..8),
    ];
    let texts = prop::sample::select(vec![1u64, 14, 15, 29, 0x7fff_fffd, 0x7fff_ffff]);
    prop_oneof![
        6 => (texts, text.prop_map(Value::Text)),
        1 => prop::sample::select(vec![0u64, 1, 0x0800_0000, 0x0800_0001]).prop_map(|flags| (0x6fff_fffb, Value::Number(flags))),
        1 => (prop::sample::select(vec![1u64, 14, 15, 3, 24, 30, 0]), any::<u16>().prop_map(|value| Value::Number(value.into()))),
    ]
}

/// Real files of each kind, for what is changed in them.
fn originals() -> Vec<Vec<u8>> {
    let paths = ["/bin/true", "/lib/x86_64-linux-gnu/libm.so.6", "/lib64/ld-linux-x86-64.so.2", "/sbin/ldconfig"];
    paths.map(|path| fs::read(path).unwrap()).to_vec()
}

#[test]
fn the_generator_makes_what_it_says() {
    for (wide, little) in [(true, true), (true, false), (false, true), (false, false)] {
        let entries = [(1, Value::Text(b"liba.so".to_vec())), (14, Value::Text(b"libb.so".to_vec()))];
        let seen = theirs(made(wide, little, 3, Some(b"/lib/ld.so"), &entries).as_slice()).unwrap().dynamic.unwrap();
        assert_eq!(
            (seen.machine, seen.kind),
            (Machine { wide, little, number: 8 }, Elf::Library { entry: Entry::WithLoader })
        );
        assert_eq!((seen.needed, seen.soname), (vec![b"liba.so".to_vec()], Some(b"libb.so".to_vec())));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, max_global_rejects: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn made_files_of_both_classes_and_byte_orders(
        wide: bool,
        little: bool,
        kind in 0u16..6,
        interpreter in proptest::option::of("/[a-z/.-]{0,30}"),
        entries in proptest::collection::vec(entry(), 0..12),
    ) {
        let bytes = made(wide, little, kind, interpreter.as_deref().map(str::as_bytes), &entries);
        // Enough of them are left that both can read.
        let expected = theirs(bytes.as_slice());
        prop_assume!(expected.is_some());
        prop_assert_eq!(Some(ours(of_bytes(&bytes))), expected);
    }

    /// Some bytes of the headers, which the first segment's table and the dynamic section lead to, changed.
    #[test]
    fn changed_files(
        which in 0usize..4,
        changes in proptest::collection::vec((0usize..1024, any::<u8>()), 1..4),
        in_dynamic in proptest::collection::vec((0usize..512, any::<u8>()), 0..4),
    ) {
        let mut bytes = ORIGINALS.with(|all| all[which].clone());
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
        let headers = (0..usize::from(bytes[56])).map(|index| 64 + index * 56);
        let dynamic = headers.into_iter().find(|at| bytes[*at] == 2).map(|at| number(at + 8));
        for (at, value) in changes {
            // The magic, the class and the byte order: `object` is stricter there, or asks them where the kernel asks the
            // machine, and `made` has all of them.
            if at > 6 {
                bytes[at] = value;
            }
        }
        for (at, value) in in_dynamic {
            if let Some(place) = dynamic.and_then(|start| bytes.get_mut(start + at)) {
                *place = value;
            }
        }
        // Enough of them are left that both can read.
        let expected = theirs(bytes.as_slice());
        prop_assume!(expected.is_some());
        prop_assert_eq!(Some(ours(of_bytes(&bytes))), expected);
    }
}

thread_local! {
    static ORIGINALS: Vec<Vec<u8>> = originals();
}
