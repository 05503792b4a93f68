//! Every check: a row for each, which `catalogue!` makes a [`CheckId`] and a row of [`CATALOGUE`] of.

use super::{Row, Severity};

catalogue! {
    /// `[remove]`: nothing is left of what it names.
    Remove "remove" High
    "Nothing is left of what the profile removes"
    "every name and every executable of the root"
    ""
    "harden first: by a startupProbe, by lithify run, or in the image"
    "D 4.3; N Building secure container images; C C-0042; C C-0062; Y deny-commands-in-exec-probe; A M1042 mitigates T1609; A M1042 mitigates T1611; A M1042 mitigates T1059.004"

    /// `[strip]`: nothing has what it clears.
    Strip "strip" High
    "No file has a bit or capability, and no account a shell, that the profile clears"
    "mode and security.capability of every file; /etc/passwd"
    "securityContext.allowPrivilegeEscalation: false"
    "harden first: by a startupProbe, by lithify run, or in the image"
    "D 4.8; A M1028 mitigates T1548.001"

    /// `[verify.mounts] read_only`.
    ReadOnly "mounts.read_only" High
    "What must be read-only is read-only, with every mount below it"
    "mountinfo, and an attempt to write, which must fail with EROFS"
    "securityContext.readOnlyRootFilesystem: true"
    "set readOnlyRootFilesystem: true in the container's securityContext, and readOnly: true on the volumeMounts"
    "D 5.13; N Immutable container file systems; C C-0017; Y require-ro-rootfs; A M1038 mitigates T1609; A M1038 mitigates T1611"

    /// `[verify.mounts] writable`.
    Writable "mounts.writable" Low
    "The app can write where it must"
    "an attempt to write"
    "volumeMounts"
    "mount an emptyDir there"
    ""

    /// `[verify.mounts] writable_if_present`.
    WritableIfPresent "mounts.writable_if_present" Low
    "The app can write where it must, if the image has the directory"
    "an attempt to write"
    "volumeMounts"
    "mount an emptyDir there"
    ""

    /// `[verify.mounts] noexec`.
    Noexec "mounts.noexec" Medium
    "No program can be started from these mounts"
    "mountinfo: noexec"
    ""
    "bindMountOptions: [noexec] on its volumeMount (Kubernetes 1.37), a volume with mountOptions, or a runtime that sets it"
    "A M1038 mitigates T1609"

    /// `[verify.mounts] nosuid`.
    Nosuid "mounts.nosuid" Medium
    "No setuid program takes effect on these mounts"
    "mountinfo: nosuid"
    ""
    "an emptyDir cannot be mounted nosuid: use a volume with mountOptions, or a runtime that sets it; allowPrivilegeEscalation: false has the same effect"
    "D 4.8; A M1028 mitigates T1548.001"

    /// `[verify.mounts] nodev`.
    Nodev "mounts.nodev" Medium
    "No device node takes effect on these mounts"
    "mountinfo: nodev"
    ""
    "use a volume with mountOptions, or a runtime that sets it; without the capability MKNOD nobody in the container can make one"
    "D 5.18; A M1048 mitigates T1611"

    /// `[verify.mounts] recursive_read_only`.
    RecursiveReadOnly "mounts.recursive_read_only" Medium
    "Nothing that is mounted below a read-only volume is writable"
    "mountinfo"
    "volumeMounts[*].recursiveReadOnly: Enabled"
    "set recursiveReadOnly: Enabled on its volumeMount (Linux 5.12, Kubernetes 1.30), or mount what the app writes elsewhere"
    "N Immutable container file systems; A M1038 mitigates T1609"

    /// `[verify.mounts] shared = false`.
    Shared "mounts.shared" High
    "Nothing that is mounted in the container shows on the node"
    "mountinfo: shared"
    "volumeMounts[*].mountPropagation: None"
    "set mountPropagation: None on its volumeMount: Bidirectional shares it with the node"
    "D 5.20; A M1048 mitigates T1611"

    /// `[verify.mounts] proc_masks`.
    ProcMasks "mounts.proc_masks" High
    "What runtimes hide or make read-only in /proc is hidden and read-only"
    "mountinfo: what is mounted over /proc/kcore, /proc/keys, /proc/sys, /proc/sysrq-trigger and the like"
    "securityContext.procMount: Default"
    "set procMount: Default in the securityContext, and privileged: false"
    "Bv1.0 procMount_baseline; Rv1.35 procMount_restricted; N Hardening container environments; Y disallow-proc-mount; A M1048 mitigates T1611"

    /// Every directory that `stage` made: it must be mounted read-only.
    Staged "mounts.staged" High
    "A staged copy is writable under no name"
    "mountinfo"
    "volumeMounts[*].readOnly: true"
    "set readOnly: true on its volumeMount"
    "N Immutable container file systems; A M1038 mitigates T1609"

    /// `[verify.process] user`.
    User "process.user" High
    "The app is not root on the node, or is the user that the profile names"
    "Uid of /proc/PID/status, all four; /proc/PID/uid_map, because root of a user namespace is not root on the node"
    "securityContext.runAsNonRoot: true, runAsUser"
    "set runAsUser and runAsNonRoot: true in the securityContext"
    "Rv1.0 runAsNonRoot; Rv1.23 runAsUser; D 4.1; K 5.2.7; N Non-root containers and rootless container engines; C C-0013; C C-0198; Y require-run-as-nonroot; A M1026 mitigates T1609; A M1026 mitigates T1611"

    /// `[verify.process] group`.
    Group "process.group" Medium
    "The app is not in the group root, or is in the group that the profile names"
    "Gid of /proc/PID/status, all four"
    "securityContext.runAsGroup"
    "set runAsGroup in the securityContext"
    "N Non-root containers and rootless container engines; C C-0013"

    /// `[verify.process] groups`.
    Groups "process.groups" Medium
    "The app has no supplementary group beyond those allowed"
    "Groups of /proc/PID/status"
    "securityContext.supplementalGroups, fsGroup"
    "set supplementalGroups and fsGroup in the pod's securityContext; the image's /etc/group adds more"
    "N Non-root containers and rootless container engines"

    /// `[verify.process] no_new_privs`.
    NoNewPrivs "process.no_new_privs" High
    "No program that the app starts can gain privileges"
    "NoNewPrivs of /proc/PID/status"
    "securityContext.allowPrivilegeEscalation: false"
    "set allowPrivilegeEscalation: false in the securityContext"
    "Rv1.8 allowPrivilegeEscalation; D 5.26; K 5.2.6; N Pod security enforcement; C C-0016; C C-0197; Y disallow-privilege-escalation; A M1028 mitigates T1548.001"

    /// `[verify.process] capabilities`.
    Capabilities "process.capabilities" High
    "The app has no capability beyond those allowed, in any set"
    "CapInh, CapPrm, CapEff, CapBnd and CapAmb of /proc/PID/status"
    "securityContext.capabilities: {drop: [ALL]}"
    "set capabilities: {drop: [ALL]} in the securityContext and add only those allowed"
    "Bv1.0 capabilities_baseline; Rv1.22 capabilities_restricted; D 5.4; K 5.2.8; K 5.2.9; N Pod security enforcement; C C-0046; C C-0199; C C-0200; C C-0201; Y disallow-capabilities-strict; A M1026 mitigates T1611"

    /// `[verify.process] seccomp`.
    Seccomp "process.seccomp" High
    "A seccomp filter is in force"
    "Seccomp of /proc/PID/status"
    "securityContext.seccompProfile: {type: RuntimeDefault}"
    "set seccompProfile: {type: RuntimeDefault} in the securityContext"
    "Bv1.0 seccompProfile_baseline; Rv1.19 seccompProfile_restricted; D 5.22; K 5.6.2; N Hardening container environments; C C-0055; C C-0210; Y restrict-seccomp-strict; A M1048 mitigates T1611"

    /// `[verify.process] user_namespace`.
    UserNamespace "process.user_namespace" Medium
    "Root of the container is not root on the node"
    "/proc/PID/uid_map"
    "hostUsers: false"
    "set hostUsers: false in the pod spec (Kubernetes 1.33 has it without a feature gate)"
    "D 5.31; N Non-root containers and rootless container engines; A M1048 mitigates T1611"

    /// `[verify.process] apparmor`.
    AppArmor "process.apparmor" Medium
    "An AppArmor profile is enforced, where the kernel has AppArmor"
    "/proc/PID/attr/apparmor/current; /sys/module/apparmor/parameters/enabled"
    "securityContext.appArmorProfile: {type: RuntimeDefault}"
    "set appArmorProfile: {type: RuntimeDefault} in the securityContext"
    "Bv1.0 appArmorProfile; D 5.2; N Hardening container environments; C C-0055; Y restrict-apparmor-profiles; A M1048 mitigates T1611"

    /// `[verify.process] selinux`.
    SeLinux "process.selinux" Medium
    "The app has the SELinux type of a container, where the kernel has SELinux"
    "/proc/PID/attr/current; /proc/filesystems"
    "securityContext.seLinuxOptions: {type: container_t}"
    "set seLinuxOptions: {type: container_t} in the securityContext, or none, and let the runtime use SELinux"
    "Bv1.0 seLinuxOptions; D 5.3; N Hardening container environments; C C-0055; Y disallow-selinux; A M1048 mitigates T1611"

    /// `[verify.process] core_dumps = false`.
    CoreDumps "process.core_dumps" Low
    "No copy of the app's memory is written when it crashes"
    "Max core file size of /proc/PID/limits; /proc/sys/kernel/core_pattern"
    ""
    "a pod spec cannot say it: set LimitCORE=0 for the node's runtime, or --ulimit core=0 of Docker"
    "D 5.19"

    /// `[verify.files] absent`.
    Absent "files.absent" Medium
    "These files are not there"
    "the root"
    ""
    "leave it out of the image, or name it in [remove]"
    "N Building secure container images; A M1042 mitigates T1609"

    /// `[verify.files] present`.
    Present "files.present" Low
    "These files are there"
    "the root"
    ""
    "find out why the image lacks it"
    ""

    /// `[verify.exposure] runtime_socket`.
    RuntimeSocket "exposure.runtime_socket" Critical
    "No container runtime can be talked to"
    "the usual paths of runtimes' sockets; mountinfo, for one that is mounted under another name"
    "volumes[*].hostPath"
    "whoever can write to it is root on the node: remove this hostPath volume"
    "D 5.32; N Hardening container environments; C C-0074; Y disallow-container-sock-mounts; Y docker-socket-check; A M1048 mitigates T1611"

    /// `[verify.exposure] service_account_token`.
    ServiceAccountToken "exposure.service_account_token" Medium
    "No service account token is mounted"
    "/var/run/secrets/kubernetes.io/serviceaccount/token"
    "automountServiceAccountToken: false"
    "set automountServiceAccountToken: false in the pod spec"
    "K 5.1.6; N Protecting Pod service account tokens; C C-0034; C C-0190; C C-0261; Y restrict-automount-sa-token; A M1018 mitigates T1528"

    /// `[verify.exposure] host_pid`.
    HostPid "exposure.host_pid" High
    "The machine's processes cannot be seen"
    "/proc/self/ns/pid: the initial namespace has a fixed number"
    "hostPID: false"
    "set hostPID: false in the pod spec"
    "Bv1.0 hostNamespaces; D 5.16; K 5.2.3; N Pod security enforcement; C C-0038; C C-0275; Y disallow-host-namespaces; A M1048 mitigates T1611"

    /// `[verify.exposure] host_ipc = false`.
    HostIpc "exposure.host_ipc" High
    "The machine's shared memory, semaphores and message queues cannot be reached"
    "/proc/self/ns/ipc: the initial namespace has a fixed number"
    "hostIPC: false"
    "set hostIPC: false in the pod spec"
    "Bv1.0 hostNamespaces; D 5.17; K 5.2.4; N Pod security enforcement; C C-0038; C C-0276; Y disallow-host-namespaces; A M1048 mitigates T1611"

    /// `[verify.exposure] host_uts = false`.
    HostUts "exposure.host_uts" Low
    "The container has a host name of its own"
    "/proc/self/ns/uts: the initial namespace has a fixed number"
    "hostNetwork: false"
    "set hostNetwork: false in the pod spec, which shares the host name, too; for Docker, leave out --uts host"
    "D 5.21"

    /// `[verify.exposure] host_network = false`.
    HostNetwork "exposure.host_network" High
    "The machine's network cannot be reached as the machine"
    "/proc/self/ns/net: the initial namespace has a fixed number since Linux 6.18; before, whether /proc/sys/net/core/netdev_budget is there"
    "hostNetwork: false"
    "set hostNetwork: false in the pod spec"
    "Bv1.0 hostNamespaces; D 5.10; K 5.2.5; N Pod security enforcement; C C-0041; Y disallow-host-namespaces; A M1030 mitigates T1040"

    /// `[verify.exposure] host_paths = false`.
    HostPaths "exposure.host_paths" High
    "Nothing of the node is mounted writable, as far as mountinfo tells"
    "mountinfo: parts of the node's disk that are no volume. A hostPath on another disk cannot be told from a volume"
    "volumes[*].hostPath"
    "remove this hostPath volume, or set readOnly: true on its volumeMount"
    "Bv1.0 hostPathVolumes; D 5.6; K 5.2.11; N Pod security enforcement; C C-0045; C C-0203; Y disallow-host-path; A M1048 mitigates T1611"

    /// `[verify.exposure] privileged = false`.
    Privileged "exposure.privileged" Critical
    "The container has none of the effects of a privileged one"
    "CapBnd of /proc/PID/status; mountinfo of /sys and /proc/sys; block devices in /dev"
    "securityContext.privileged: false"
    "set privileged: false in the securityContext, and drop capabilities"
    "Bv1.0 privileged; D 5.5; K 5.2.2; N Pod security enforcement; C C-0057; C C-0193; Y disallow-privileged-containers; A M1048 mitigates T1611"

    /// `[verify.exposure] devices = false`.
    Devices "exposure.devices" High
    "/dev has no device but those of every container"
    "type and number of every file in /dev"
    "volumes[*].hostPath, resources.limits of device plugins"
    "remove the device from the pod spec; if the app needs it, leave this check out"
    "D 5.18; A M1048 mitigates T1611"

    /// `[verify.exposure] writable_cgroup = false`.
    WritableCgroup "exposure.writable_cgroup" Critical
    "No control group can be changed, and no release_agent be set"
    "mountinfo of cgroup and cgroup2"
    "securityContext.privileged: false"
    "mount /sys/fs/cgroup read-only, as every runtime does for a container that is not privileged"
    "A M1048 mitigates T1611"

    /// `[verify.exposure] secrets_in_environment = false`.
    Secrets "exposure.secrets_in_environment" Medium
    "No variable holds a secret, by its name"
    "the names in /proc/PID/environ; values are never looked at"
    "env[*].valueFrom.secretKeyRef, envFrom[*].secretRef"
    "mount the secret as a file and name the file (NAME_FILE)"
    "D 4.10; K 5.4.1; N Secrets; C C-0207; Y secrets-not-from-env-vars; A M1027 mitigates T1552.001"

    /// `[verify.limits] memory`.
    Memory "limits.memory" Medium
    "The app cannot use all memory of the node"
    "memory.max (version 1: memory.limit_in_bytes) of its control group and those above it"
    "resources.limits.memory"
    "set resources.limits.memory"
    "D 5.11; N Resource policies; C C-0271; Y require-requests-limits"

    /// `[verify.limits] cpu`.
    Cpu "limits.cpu" Low
    "The app cannot use all CPU time of the node"
    "cpu.max (version 1: cpu.cfs_quota_us) of its control group and those above it"
    "resources.limits.cpu"
    "set resources.limits.cpu"
    "D 5.12; N Resource policies; C C-0270; Y require-requests-limits"

    /// `[verify.limits] pids`.
    Pids "limits.pids" Low
    "The app cannot start as many processes as it likes"
    "pids.max of its control group and those above it"
    ""
    "a pod spec cannot say it: set podPidsLimit in the kubelet's configuration, or --pids-limit of Docker"
    "D 5.29; N Resource policies; C C-0284"

    /// `[verify.kernel] settings`.
    KernelSettings "kernel.settings" Info
    "What the node's kernel allows everybody is told, not judged: a pod cannot change it"
    "/proc/sys: ptrace_scope, unprivileged_bpf_disabled, max_user_namespaces, io_uring_disabled, memfd_noexec and the like"
    ""
    "a setting of the node (sysctl)"
    "C C-0055"

    /// `[verify.drift] executables`.
    DriftExecutables "drift.executables" High
    "Nothing that can be executed was made or changed since the container started"
    "times of change and content of every file; /proc/PID/stat"
    "securityContext.readOnlyRootFilesystem: true"
    "find out what wrote it: a restart of the container brings back what the image has; if the app makes it, name its directory in [verify.mounts] writable, or make it in the image"
    "N Immutable container file systems; A M1038 mitigates T1609"

    /// `[verify.drift] processes`.
    DriftProcesses "drift.processes" High
    "No process runs a program that was deleted, never had a name, or came since the container started"
    "/proc/PID/exe of every process"
    "securityContext.readOnlyRootFilesystem: true"
    "find out what started it: no image holds what it runs, and a restart of the container ends it"
    "N Immutable container file systems; A M1038 mitigates T1609"

    /// `--seal`: the files are those that a manifest states.
    Seal "seal" High
    "The files are those that the manifest of --seal states"
    "content, mode and owner of every file"
    "securityContext.readOnlyRootFilesystem: true"
    "find out what changed it: a restart of the container brings back what the image has"
    "N Immutable container file systems"

    /// `--digest`: the files are those that a digest states.
    SealDigest "seal.digest" High
    "The files are exactly those that --digest states"
    "content, mode and owner of every file"
    "securityContext.readOnlyRootFilesystem: true"
    "see what differs with --seal"
    "N Immutable container file systems"
}
