//! Packages by their names, and what counts as a kernel in the cache.

use super::*;

fn chosen(names: &[&str], flavour: Flavour) -> Option<String> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    choose(&names, flavour)
}

#[test]
fn the_newest_kernel_of_the_flavour_is_chosen() {
    let names = [
        "linux-image-6.12.9+deb12-cloud-amd64",
        "linux-image-6.12.117+deb12-cloud-amd64",
        "linux-image-6.12.118+deb12-rt-amd64",
        "linux-image-6.12.119+deb12-amd64",
        "linux-image-6.12.117+deb12-cloud-amd64-dbg",
        "linux-image-6.1.0-56-cloud-amd64",
        "linux-image-6.12-cloud-amd64",
        "linux-image-cloud-amd64",
    ];
    let cloud = chosen(&names, Flavour::Cloud);
    assert_eq!(cloud.as_deref(), Some("linux-image-6.12.117+deb12-cloud-amd64"));
    let real_time = chosen(&names, Flavour::RealTime);
    assert_eq!(real_time.as_deref(), Some("linux-image-6.12.118+deb12-rt-amd64"));
    assert_eq!(chosen(&names[5..], Flavour::Cloud), None);
}

#[test]
fn a_signed_kernel_goes_before_an_unsigned_one_and_a_newer_one_before_both() {
    let both = [
        "linux-image-6.12.9+deb12-cloud-amd64-unsigned",
        "linux-image-6.12.9+deb12-cloud-amd64",
    ];
    assert_eq!(chosen(&both, Flavour::Cloud).as_deref(), Some(both[1]));
    let newer = ["linux-image-6.12.10+deb12-cloud-amd64-unsigned", both[1]];
    assert_eq!(chosen(&newer, Flavour::Cloud).as_deref(), Some(newer[0]));
}

#[test]
fn a_package_without_contents_names_the_kernel_it_depends_on() {
    let text = "Package: linux-image-cloud-amd64\nVersion: 6.1.192-2\n\
                Depends: base, linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2)\n";
    let found = dependency(text, Flavour::Cloud);
    assert_eq!(found.as_deref(), Some("linux-image-6.1.0-56-cloud-amd64"));
    assert_eq!(dependency(text, Flavour::RealTime), None);
    assert_eq!(dependency("Package: x\n", Flavour::Cloud), None);
}

#[test]
fn what_an_interrupted_download_left_is_no_kernel() {
    let cache = tempfile::tempdir().unwrap();
    let folder = |name: &str| {
        let folder = cache.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    };
    assert_eq!(cached(cache.path()), None);
    let nobody = "999999999.unfinished";
    let somebody = format!("{}.unfinished", std::process::id());
    for name in [nobody, &somebody] {
        std::fs::write(folder(name).join(IMAGE), "half").unwrap();
    }
    assert_eq!(cached(cache.path()), None);
    clear_leftovers(cache.path());
    let left = |name: &str| cache.path().join(name).exists();
    assert_eq!((left(nobody), left(&somebody)), (false, true));
    for version in ["9", "10"] {
        let name = format!("linux-image-6.12.{version}-cloud-amd64_6.12.{version}-1");
        std::fs::write(folder(&name).join(IMAGE), "whole").unwrap();
    }
    let kernel = cached(cache.path()).unwrap();
    assert_eq!(kernel.package, "linux-image-6.12.10-cloud-amd64_6.12.10-1");
}
