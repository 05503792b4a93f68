//! The images that the examples name, made from the trees of tests/rootfs.sh and arranged as the official ones: their
//! configuration, and what an image's own configuration says (OCI image-spec, config).

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::{lithify, rootfs};

/// As in docker.io/library/nginx: port 80, logs to the standard streams, everything from conf.d.
const NGINX: &str = "\
user www-data;
worker_processes auto;
error_log /var/log/nginx/error.log notice;
pid /run/nginx.pid;
events { worker_connections 1024; }
http {
    access_log /var/log/nginx/access.log;
    client_body_temp_path /var/cache/nginx/client_temp;
    proxy_temp_path /var/cache/nginx/proxy_temp;
    fastcgi_temp_path /var/cache/nginx/fastcgi_temp;
    uwsgi_temp_path /var/cache/nginx/uwsgi_temp;
    scgi_temp_path /var/cache/nginx/scgi_temp;
    include /etc/nginx/conf.d/*.conf;
}
";
const NGINX_SITE: &str = "server { listen 80; root /usr/share/nginx/html; }\n";

/// An image on this machine.
pub struct Image {
    /// Its trees, the uppermost first.
    pub layers: Vec<PathBuf>,
    pub entrypoint: Vec<String>,
    pub command: Vec<String>,
    pub user: (u32, u32),
    pub path: &'static str,
    pub working_directory: &'static str,
    _layer: Option<tempfile::TempDir>,
}

impl Image {
    /// By the name that an example gives it.
    pub fn pull(name: &str) -> Self {
        let layer = tempfile::tempdir().unwrap();
        fs::set_permissions(layer.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let at = layer.path();
        let mut image = Self {
            layers: vec![at.to_path_buf()],
            entrypoint: Vec::new(),
            command: Vec::new(),
            user: (0, 0),
            path: "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            working_directory: "/",
            _layer: None,
        };
        match name {
            "nginx:1.28" => {
                image.layers.push(rootfs("nginx"));
                file(at, "etc/nginx/nginx.conf", NGINX, 0o644);
                file(at, "etc/nginx/conf.d/default.conf", NGINX_SITE, 0o644);
                fs::create_dir_all(at.join("var/log/nginx")).unwrap();
                symlink("/dev/stdout", at.join("var/log/nginx/access.log")).unwrap();
                symlink("/dev/stderr", at.join("var/log/nginx/error.log")).unwrap();
                image.entrypoint = words(&["/docker-entrypoint.sh"]);
                image.command = words(&["nginx", "-g", "daemon off;"]);
            }
            "httpd:2.4" => {
                image.layers.push(rootfs("httpd"));
                let configuration = rootfs("httpd").join("usr/local/apache2/conf/httpd.conf");
                let configuration = fs::read_to_string(configuration).unwrap().replace("Listen 8080", "Listen 80");
                assert!(configuration.contains("Listen 80\n"), "{configuration}");
                file(at, "usr/local/apache2/conf/httpd.conf", &configuration, 0o644);
                let script =
                    "#!/bin/sh\nset -e\nrm -f /usr/local/apache2/logs/httpd.pid\nexec httpd -DFOREGROUND \"$@\"\n";
                file(at, "usr/local/bin/httpd-foreground", script, 0o755);
                image.command = words(&["httpd-foreground"]);
                image.path = "PATH=/usr/local/apache2/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
                image.working_directory = "/usr/local/apache2";
            }
            "registry.example/lithify:0.1.0" => {
                let dockerfile = Path::new(env!("CARGO_MANIFEST_DIR")).join("Dockerfile.scratch");
                let dockerfile = fs::read_to_string(dockerfile).unwrap();
                let last = |instruction: &str| {
                    dockerfile.lines().filter_map(|line| line.strip_prefix(instruction)).next_back().unwrap()
                };
                image.entrypoint = serde_json::from_str(last("ENTRYPOINT ")).unwrap();
                assert_eq!(last("USER "), "65532:65532");
                image.user = (65532, 65532);
                let program = at.join(image.entrypoint[0].trim_start_matches('/'));
                fs::create_dir_all(program.parent().unwrap()).unwrap();
                fs::copy(lithify(), &program).unwrap();
                fs::set_permissions(&program, fs::Permissions::from_mode(0o555)).unwrap();
            }
            _ => panic!("no such image here: {name}"),
        }
        image._layer = Some(layer);
        image
    }
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

fn file(tree: &Path, path: &str, content: &str, mode: u32) {
    let at = tree.join(path);
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    fs::write(&at, content).unwrap();
    fs::set_permissions(&at, fs::Permissions::from_mode(mode)).unwrap();
}
