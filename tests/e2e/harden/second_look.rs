//! Verification does not read again what has not changed since the survey. Whatever changed in between is noticed.

use crate::harness::container::{Container, Spec};
use crate::harness::rootfs;

/// An app that answers on a port, and before it answers makes shells of programs that the survey has seen: that is
/// after the survey and before the deletion.
const APP: &str = r#"
use IO::Socket::INET;
sub content { open(my $file, '<', shift) or die $!; local $/; my $content = <$file>; $content }
sub put { my ($path, $content) = @_; open(my $file, '>', $path) or die $!; print $file $content; close $file }
my $shell = content('/usr/bin/bash');
my $server = IO::Socket::INET->new(LocalAddr => '127.0.0.1:9000', Listen => 5, ReuseAddr => 1) or die $!;
syswrite STDOUT, 'prepared';
while (1) {
  my $client = $server->accept or next;
  if (!$done++) {
    # The content of a file.
    put('/usr/bin/nohup', $shell);
    # A rename over a file.
    put('/usr/bin/new', $shell); chmod 0755, '/usr/bin/new'; rename '/usr/bin/new', '/usr/bin/cmp' or die $!;
    # A mount over a file, of a file that no rule has met.
    mkdir '/mnt/t'; syscall(165, my $a = 'none', my $b = '/mnt/t', my $c = 'tmpfs', 0, 0) == 0 or die $!;
    put('/mnt/t/new', $shell); chmod 0755, '/mnt/t/new';
    syscall(165, my $d = '/mnt/t/new', my $e = '/usr/bin/ldd', 0, 4096, 0) == 0 or die $!;
    # A change that leaves size and modification time as they were.
    my ($size, $time) = (stat '/usr/bin/ptx')[7, 9];
    my $small = content('/usr/bin/dash');
    put('/usr/bin/ptx', $small . "\0" x ($size - length $small)); utime $time, $time, '/usr/bin/ptx';
    # A name that is that of a program.
    rename '/usr/bin/bashbug', '/usr/bin/zsh' or die $!;
  }
  print $client "HTTP/1.0 200 OK\r\n\r\n"; close $client;
}
"#;

fn container() -> Container {
    let capabilities = ["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_CHOWN", "CAP_SYS_PTRACE"];
    let spec = Spec::new(&rootfs("nginx"), &["/usr/bin/perl", "-e", APP]).capabilities(&capabilities);
    let container = spec.start();
    container.wait("prepare", || container.log().contains("prepared"));
    container
}

#[test]
fn it_notices_what_changed_between_the_looks() {
    let container = container();
    let harden = ["harden", "-v", "-p", "shells", "--wait-for", "http:http://127.0.0.1:9000/"];
    let ran = container.lithify(&harden).exits(1);
    for path in ["/usr/bin/nohup", "/usr/bin/cmp", "/usr/bin/ldd", "/usr/bin/ptx", "/usr/bin/zsh"] {
        assert!(ran.stdout.contains(path), "{path} was made a shell between the looks: {ran:?}");
    }
}
