//! How long things are kept, how many, and what a restart finds.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::media::{Kept, Kind, MediaError};

/// A host with a hundred pictures of different lengths, `/0` to `/99`.
async fn gallery() -> Host {
    let paths = (0..100_usize).map(|number| -> &'static str { format!("/{number}").leak() });
    Host::new(paths.enumerate().map(|(number, path)| (path, good("image/png", &png(1000 + number)))).collect()).await
}

async fn keep(keeper: &Keeper, host: &Host, number: usize) -> Kept {
    keeper.keep(&host.url(&format!("/{number}")), Kind::Picture, "ann").await.unwrap()
}

async fn is_there(keeper: &Keeper, kept: &Kept) -> bool {
    keeper.find(&kept.name, Some("ann"), None).await.is_some()
}

#[tokio::test]
async fn a_day_later_it_is_still_the_same_and_a_week_later_gone() {
    let (home, host) = (tempfile::tempdir().unwrap(), gallery().await);
    let (clock, now) = clock();
    let keeper = keeper_in(home.path(), &host.url("/v1"), settings(), clock.clone());
    let kept = keep(&keeper, &host, 7).await;
    let query = keeper.query(&kept.name);
    let url = host.url("/7");
    drop(host);
    now.fetch_add(24 * 3600, Ordering::SeqCst);
    assert!(keeper.keep(&url, Kind::Picture, "ann").await.is_err(), "the upstream's link is dead");
    keeper.sweep();
    let found = keeper.find(&kept.name, None, Some(&query)).await.unwrap();
    assert_eq!(bytes([found.part(0, u64::MAX)]).await, png(1007));
    assert_eq!(found.seconds_left, 6 * 86_400);
    now.fetch_add(6 * 86_400 - 1, Ordering::SeqCst);
    assert!(keeper.find(&kept.name, None, Some(&query)).await.is_some());
    now.fetch_add(1, Ordering::SeqCst);
    assert!(keeper.find(&kept.name, None, Some(&query)).await.is_none() && !is_there(&keeper, &kept).await);
    keeper.sweep();
    assert_eq!(files(home.path()), Vec::<String>::new());
}

#[tokio::test]
async fn the_oldest_makes_room() {
    let (home, host) = (tempfile::tempdir().unwrap(), gallery().await);
    let (clock, now) = clock();
    let most = MediaSettings { most_bytes: 3300, ..settings() };
    let keeper = keeper_in(home.path(), &host.url("/v1"), most, clock);
    let mut all = Vec::new();
    for number in 0..5 {
        all.push(keep(&keeper, &host, number).await);
        now.fetch_add(1, Ordering::SeqCst);
    }
    for (number, kept) in all.iter().enumerate() {
        assert_eq!(is_there(&keeper, kept).await, number >= 2, "{number}");
    }
    assert_eq!(files(home.path()).len(), 3);
    keeper.configure(MediaSettings { most_bytes: 900, ..settings() }, &host.url("/v1"), tls());
    let too_large = keeper.keep(&host.url("/9"), Kind::Picture, "ann").await;
    assert!(matches!(too_large, Err(MediaError::TooLarge(900))), "{too_large:?}");
    assert_eq!(files(home.path()).len(), 3, "and nobody made room for it");
}

#[tokio::test]
async fn a_restart_finds_what_is_whole() {
    let (home, host) = (tempfile::tempdir().unwrap(), gallery().await);
    let upstream = host.url("/v1");
    let first = keeper_in(home.path(), &upstream, settings(), clock().0);
    let (whole, short, other, gone) = (
        keep(&first, &host, 1).await,
        keep(&first, &host, 2).await,
        keep(&first, &host, 3).await,
        keep(&first, &host, 4).await,
    );
    let query = first.query(&whole.name);
    drop(first);
    let file = |kept: &Kept| {
        let id = kept.name.split('.').next().unwrap();
        home.path().join(files(home.path()).into_iter().find(|name| name.starts_with(id)).unwrap())
    };
    // Cut short, other bytes of the same length, removed, a draft, and files that are none of ours.
    std::fs::OpenOptions::new().write(true).open(file(&short)).unwrap().set_len(500).unwrap();
    std::fs::write(file(&other), vec![0; png(1003).len()]).unwrap();
    std::fs::write(home.path().join("0123.part"), b"half").unwrap();
    std::fs::write(home.path().join("notes.txt"), b"mine").unwrap();
    let removed = file(&gone);
    let mode = std::fs::metadata(file(&whole)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let second = keeper_in(home.path(), &upstream, settings(), clock().0);
    std::fs::remove_file(removed).unwrap();
    let found = second.find(&whole.name, None, Some(&query)).await.unwrap();
    assert_eq!(bytes([found.part(0, u64::MAX)]).await, png(1001));
    for torn in [&short, &other, &gone] {
        assert!(!is_there(&second, torn).await);
    }
    let left = files(home.path());
    assert_eq!((left.len(), left.contains(&"notes.txt".to_owned())), (2, true), "{left:?}");
}

#[tokio::test]
async fn a_disk_that_does_not_take_it_is_told_until_it_does() {
    let (home, host) = (tempfile::tempdir().unwrap(), gallery().await);
    let folder = home.path().join("media");
    std::fs::create_dir(&folder).unwrap();
    let keeper = keeper_in(&folder, &host.url("/v1"), settings(), clock().0);
    std::fs::remove_dir(&folder).unwrap();
    let failed = keeper.keep(&host.url("/1"), Kind::Picture, "ann").await;
    assert!(matches!(failed, Err(MediaError::Disk(_))), "{failed:?}");
    assert!(keeper.fault().is_some());
    let (held, _) = keeper.fetch(&host.url("/1"), Kind::Picture).await.unwrap();
    assert_eq!(held, png(1001), "memory does");
    assert!(keeper.fault().is_some());
    std::fs::create_dir(&folder).unwrap();
    keep(&keeper, &host, 1).await;
    assert_eq!(keeper.fault(), None);
}

/// The demo leaves nothing behind, not even after kill -9: its files have no names.
#[tokio::test]
async fn without_a_folder_nothing_has_a_name() {
    let (home, host) = (tempfile::tempdir().unwrap(), gallery().await);
    let nowhere = Home::Nowhere(home.path().to_owned());
    let metrics = Arc::new(Metrics::new().unwrap());
    let keeper = Keeper::open(nowhere, &[3; 32], settings(), &host.url("/v1"), tls(), metrics, clock().0).unwrap();
    let kept = keep(&keeper, &host, 5).await;
    assert_eq!(files(home.path()), Vec::<String>::new());
    let found = keeper.find(&kept.name, Some("ann"), None).await.unwrap();
    assert_eq!(bytes([found.part(0, u64::MAX)]).await, png(1005));
}

#[tokio::test]
async fn a_caller_who_leaves_leaves_no_draft() {
    let home = tempfile::tempdir().unwrap();
    let host = Host::new(BTreeMap::from([("/x", (b"HTTP/1.1 200 OK\r\n\r\n\x89PNG".to_vec(), End::Stall))])).await;
    let keeper = keeper_in(home.path(), &host.url("/v1"), settings(), clock().0);
    let url = host.url("/x");
    let left = tokio::time::timeout(Duration::from_millis(300), keeper.keep(&url, Kind::Picture, "ann")).await;
    assert!(left.is_err());
    assert_eq!(files(home.path()), Vec::<String>::new());
}
