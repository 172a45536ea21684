//! Who a container runs as, by numbers: names mean nothing in another image.

/// Whether this is `UID:GID`.
pub(super) fn is_complete(user: &str) -> bool {
    user.split_once(':').is_some_and(|(uid, gid)| is_number(uid) && is_number(gid))
}

/// `UID:GID` of a user as an image or a service names it (`""`, `nginx`, `1000`, `1000:users`), by the image's own
/// passwd(5). As the engine has it: nobody named is root, and who is not listed has group 0.
pub(super) fn by_numbers(user: &str, passwd: &str) -> String {
    let (name, group) = user.split_once(':').unwrap_or((user, ""));
    let name = if name.is_empty() { "0" } else { name };
    let listed = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).find_map(|fields| match fields[..] {
        [login, _, uid, gid, ..] if login == name || uid == name => Some((uid.to_owned(), gid.to_owned())),
        _ => None,
    });
    let (uid, gid) = listed.unwrap_or_else(|| (name.to_owned(), "0".into()));
    let gid = if is_number(group) { group.to_owned() } else { gid };
    let numbers = format!("{uid}:{gid}");
    if is_complete(&numbers) { numbers } else { NOBODY.into() }
}

/// For whom no number is found.
const NOBODY: &str = "65534:65534";

fn is_number(text: &str) -> bool {
    text.parse::<u32>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_up_and_numbers_stay() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nnginx:x:101:102::/:/bin/false\nbad\n";
        for (user, numbers) in [
            ("", "0:0"),
            ("root", "0:0"),
            ("nginx", "101:102"),
            ("101", "101:102"),
            ("nginx:7", "101:7"),
            ("nginx:users", "101:102"),
            ("1000", "1000:0"),
            ("1000:1001", "1000:1001"),
            ("who", "65534:65534"),
        ] {
            assert_eq!(by_numbers(user, passwd), numbers, "{user:?}");
        }
        assert_eq!(by_numbers("", ""), "0:0");
        assert!(is_complete("10001:10001") && !is_complete("nginx") && !is_complete("1000") && !is_complete(""));
    }
}
