//! The disk: a partition that the firmware boots from, and the file system behind it, which can grow. It is made in a file,
//! without a loop device and without mounting anything.
//!
//! Sources: UEFI Specification 2.10, 5.3 (GUID partition table) and 3.5.1.1 (the path of a removable medium's loader); UAPI
//! Group, "Boot Loader Specification" (entries of type 1) and "Discoverable Partitions Specification" (types of partitions).

use super::command::CommandLine;
use super::identity::{fat_serial, uuid_of};
use super::{DISK, INITIAL_DISK, KERNEL};

/// The disk while it is made.
pub(super) const RAW: &str = "disk.raw";
/// The boot loader among the files of the image, from the package `systemd-boot-efi`.
pub(super) const LOADER: &str = "usr/lib/systemd/boot/efi/systemd-bootx64.efi";

const MIB: u64 = 1 << 20;
const SECTOR: u64 = 512;
/// Where the first partition begins, and what stays free at the end for the second table of partitions.
const MARGIN: u64 = MIB;
/// The partition that the firmware boots from. FAT32 needs 33 MiB.
const BOOT_SIZE: u64 = 128 * MIB;
const BOOT_TYPE: &str = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
const ROOT_TYPE: &str = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709";
/// What FAT's own tables take of it, generously.
const BOOT_TABLES: u64 = 4 * MIB;

/// The disk of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Disk<'a> {
    /// The image's name, which identifiers are made of.
    pub image: &'a str,
    /// Its size in bytes, whole MiB.
    pub size: u64,
    /// What the kernel is told.
    pub command_line: &'a str,
}

impl Disk<'_> {
    /// Where the file system begins, in bytes.
    fn root_start() -> u64 {
        MARGIN + BOOT_SIZE
    }

    /// The size of the file system in bytes.
    fn root_size(&self) -> u64 {
        self.size.saturating_sub(Self::root_start() + MARGIN)
    }

    /// Writes the table of partitions.
    pub fn partition(&self) -> CommandLine {
        let identity = |part: &str| uuid_of(self.image, part).to_string().to_uppercase();
        let partition = |start: u64, size: u64, kind: &str, name: &str| {
            let (start, size) = (start / SECTOR, size / SECTOR);
            format!("start={start}, size={size}, type={kind}, uuid={}, name=\"{name}\"\n", identity(name))
        };
        let table = format!(
            "label: gpt\nlabel-id: {}\nunit: sectors\n\n{}{}",
            identity("disk"),
            partition(MARGIN, BOOT_SIZE, BOOT_TYPE, "esp"),
            // The last one, so that it can grow with the disk.
            partition(Self::root_start(), self.root_size(), ROOT_TYPE, "rootfs"),
        );
        CommandLine::new("sfdisk", ["--quiet", "--no-reread", "--no-tell-kernel", RAW]).input(table)
    }

    /// Makes the file system with all files below `root`.
    pub fn file_system(&self, root: &str) -> CommandLine {
        let uuid = uuid_of(self.image, "file system");
        let options = format!(
            "offset={},hash_seed={uuid},lazy_itable_init=0,lazy_journal_init=0,assume_storage_prezeroed=1,nodiscard",
            Self::root_start()
        );
        CommandLine::new("mkfs.ext4", ["-q", "-F", "-L", "rootfs", "-U", &uuid.to_string(), "-m", "1"]).and([
            "-O",
            "^orphan_file",
            "-E",
            &options,
            "-d",
            root,
            RAW,
            &format!("{}k", self.root_size() >> 10),
        ])
    }

    /// Adds files to the file system: behind all others, so that what differs in them moves nothing else. The commands for
    /// debugfs are in a file of the work folder.
    pub fn add_files(commands: &str) -> CommandLine {
        CommandLine::new("debugfs", ["-w", "-f", commands, &format!("{RAW}?offset={}", Self::root_start())])
    }

    /// What mtools call the first partition.
    fn boot_partition() -> String {
        format!("{RAW}@@{MARGIN}")
    }

    /// Makes the firmware's partition: the boot loader, its settings, kernel and initial disk. The files `loader.conf` and
    /// `entry.conf` are in the work folder, kernel and initial disk in its folder `made`, the boot loader below `root`.
    pub fn boot_files(&self, root: &str, made: &str) -> Vec<CommandLine> {
        let partition = Self::boot_partition();
        let sectors = (BOOT_SIZE / SECTOR).to_string();
        let hidden = (MARGIN / SECTOR).to_string();
        let serial = fat_serial(self.image);
        let on_partition = |program: &'static str| CommandLine::new(program, ["-i", &partition]);
        let copy = |from: String, to: &str| on_partition("mcopy").and([from.as_str(), to]);
        vec![
            on_partition("mformat")
                .and(["-F", "-T", &sectors, "-h", "64", "-s", "32", "-H", &hidden, "-c", "1"])
                .and(["-N", &serial, "-v", "ESP", "::"]),
            on_partition("mmd").and(["::/EFI", "::/EFI/BOOT", "::/loader", "::/loader/entries", "::/engine"]),
            copy(format!("{root}/{LOADER}"), "::/EFI/BOOT/BOOTX64.EFI"),
            copy("loader.conf".to_owned(), "::/loader/loader.conf"),
            copy("entry.conf".to_owned(), "::/loader/entries/engine.conf"),
            copy(format!("{made}/{KERNEL}"), "::/engine/kernel"),
            copy(format!("{made}/{INITIAL_DISK}"), "::/engine/initrd"),
        ]
    }

    /// The settings of the boot loader: nobody is asked.
    pub fn loader_settings() -> &'static str {
        "default engine.conf\ntimeout 0\neditor no\n"
    }

    /// What the boot loader starts.
    pub fn loader_entry(&self) -> String {
        format!("title Kubernetes\nlinux /engine/kernel\ninitrd /engine/initrd\noptions {}\n", self.command_line)
    }

    /// Whether files of so many bytes fit the firmware's partition.
    pub fn boot_fits(files: u64) -> bool {
        files <= BOOT_SIZE - BOOT_TABLES
    }

    /// Makes the disk as it is kept, without its holes.
    pub fn convert(compress: bool, made: &str) -> CommandLine {
        CommandLine::new("qemu-img", ["convert", "-q", "-f", "raw", "-O", "qcow2"])
            .and(compress.then_some("-c"))
            .and([RAW, &format!("{made}/{DISK}")])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk() -> Disk<'static> {
        Disk { image: "kubernetes-1.36.4-trixie", size: 12 << 30, command_line: "root=LABEL=rootfs ro" }
    }

    #[test]
    fn the_file_system_is_the_last_partition_and_lies_where_the_table_says() {
        let table = disk().partition().input.unwrap_or_default();
        let last = table.lines().last().unwrap_or_default();
        assert!(last.starts_with("start=264192, size=24899584, type=4F68BCE3-"), "{table}");
        assert!(last.ends_with("name=\"rootfs\""), "{table}");
        let file_system = disk().file_system("root").shown();
        assert!(file_system.contains(&format!("offset={}", 264_192 * 512)), "{file_system}");
        assert!(file_system.ends_with(&format!("-d root disk.raw {}k", 24_899_584 / 2)), "{file_system}");
        // Behind it is room for the second table: 33 sectors.
        assert!((264_192 + 24_899_584) * 512 + 33 * 512 <= disk().size);
    }

    #[test]
    fn the_same_image_gets_the_same_identifiers() {
        assert_eq!(disk().partition(), disk().partition());
        let other = Disk { image: "other", ..disk() };
        assert_ne!(disk().partition(), other.partition());
        assert_ne!(disk().file_system("root"), other.file_system("root"));
    }

    #[test]
    fn both_ways_of_booting_take_the_same_kernel_and_command_line() {
        let commands: Vec<String> = disk().boot_files("root", "made").iter().map(CommandLine::shown).collect();
        for part in [
            "mcopy -i disk.raw@@1048576 made/kernel ::/engine/kernel",
            "mcopy -i disk.raw@@1048576 made/initrd ::/engine/initrd",
            "mcopy -i disk.raw@@1048576 root/usr/lib/systemd/boot/efi/systemd-bootx64.efi ::/EFI/BOOT/BOOTX64.EFI",
        ] {
            assert!(commands.iter().any(|command| command == part), "{part} is missing in {commands:#?}");
        }
        assert!(disk().loader_entry().ends_with("options root=LABEL=rootfs ro\n"));
        assert!(Disk::boot_fits(30 << 20) && !Disk::boot_fits(128 << 20));
    }
}
