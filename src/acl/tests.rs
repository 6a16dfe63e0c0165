//! Rules, how they are shown, and what they allow.

use super::*;
use crate::command::row::*;

const fn spec(name: &'static str, flags: &[Flags], categories: &[Categories]) -> Spec {
    Spec::new(name, -1).flags(flags).categories(categories)
}

const SPECS: [Spec; 12] = [
    spec("get", &[READONLY, FAST], &[Categories::STRING]),
    spec("set", &[WRITE], &[Categories::STRING]),
    spec("sadd", &[WRITE, FAST], &[Categories::SET]),
    spec("select", &[FAST], &[Categories::CONNECTION]),
    spec("auth", &[FAST, NO_AUTH], &[Categories::CONNECTION]),
    spec("publish", &[PUBSUB, FAST], &[]),
    spec("psubscribe", &[PUBSUB], &[]),
    spec("config", &[], &[]),
    spec("config|get", &[ADMIN], &[]),
    spec("config|set", &[ADMIN], &[]),
    spec("config|help", &[LOADING], &[]),
    spec("post", &[Flags::CROSS_PROTOCOL], &[]),
];

fn vocabulary() -> Vocabulary {
    Vocabulary::new(SPECS.iter(), &["replconf"])
}

/// A user with these rules, a selector that is spread over several words included.
fn user(text: &str) -> Result<User, SetError> {
    let vocabulary = vocabulary();
    let rules = Rules { vocabulary: &vocabulary, all_channels: false };
    let mut user = User::new(b"u", rules);
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    user.apply_all(&words, rules)?;
    Ok(user)
}

fn line(text: &str) -> String {
    let user = user(text).unwrap_or_else(|why| panic!("{text}: {why:?}"));
    String::from_utf8(user.line()).unwrap()
}

#[test]
fn rules_are_shown_as_redis_shows_them() {
    let hash = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    let secret = format!("#{hash}");
    for (rules, shown) in [
        ("", "off sanitize-payload resetchannels -@all".to_owned()),
        ("ON +@all ~* &*", "on sanitize-payload ~* &* +@all".to_owned()),
        ("on nopass allkeys allchannels allcommands", "on nopass sanitize-payload ~* &* +@all".to_owned()),
        (">secret >secret", format!("off sanitize-payload {secret} resetchannels -@all")),
        ("nopass >secret", format!("off sanitize-payload {secret} resetchannels -@all")),
        (">secret nopass", "off nopass sanitize-payload resetchannels -@all".to_owned()),
        (">secret <secret", "off sanitize-payload resetchannels -@all".to_owned()),
        ("skip-sanitize-payload", "off skip-sanitize-payload resetchannels -@all".to_owned()),
        ("%R~a %W~a %W~b ~c &x &y &x", "off sanitize-payload ~a %W~b ~c resetchannels &x &y -@all".to_owned()),
        ("~a resetkeys ~b &a resetchannels", "off sanitize-payload ~b resetchannels -@all".to_owned()),
        ("+@all -@string +GET +get", "off sanitize-payload resetchannels +@all -@string +get".to_owned()),
        ("+config|get +config|set +config", "off sanitize-payload resetchannels -@all +config".to_owned()),
        ("+config -config|set", "off sanitize-payload resetchannels -@all +config -config|set".to_owned()),
        ("+select|0 +select|A", "off sanitize-payload resetchannels -@all +select|0 +select|a".to_owned()),
        ("+@set +@slow +@set", "off sanitize-payload resetchannels -@all +@slow +@set".to_owned()),
        ("+get +@all +set -@all", "off sanitize-payload resetchannels -@all".to_owned()),
        ("-replconf", "off sanitize-payload resetchannels -@all -replconf".to_owned()),
        (
            "(+get ~a) ( +set ~b )",
            "off sanitize-payload resetchannels -@all (~a resetchannels -@all +get) (~b resetchannels -@all +set)"
                .to_owned(),
        ),
        ("(+get) clearselectors", "off sanitize-payload resetchannels -@all".to_owned()),
        ("on >secret ~a &b +get (+set) reset", "off sanitize-payload resetchannels -@all".to_owned()),
    ] {
        let got = line(rules);
        assert_eq!(got, format!("user u {shown}"), "{rules}");
        // What is shown means the same.
        assert_eq!(line(got.strip_prefix("user u ").unwrap()), got, "{rules}");
    }
}

#[test]
fn what_is_no_rule_is_refused() {
    use RuleError::*;
    for (rules, why) in [
        ("bogus", Syntax),
        ("+", Unknown),
        ("+nosuch", Unknown),
        ("-@nosuch", Unknown),
        ("+post", Unknown),
        ("+config|nosuch", Unknown),
        ("-config|nosuch", Unknown),
        ("+get|a|b", Unknown),
        ("-select|0", Unknown),
        ("+config|get|x", FirstArgumentOfSubcommand),
        ("+select|", Syntax),
        ("~* ~a", AllKeys),
        ("&* &a", AllChannels),
        ("%X~a", Syntax),
        ("<secret", NoSuchPassword),
        ("#abc", Hash),
        ("!abc", Hash),
        ("(+get bogus)", Syntax),
    ] {
        match user(rules) {
            Err(SetError::Rule(_, got)) => assert_eq!(got, why, "{rules}"),
            other => panic!("{rules}: {other:?}"),
        }
    }
    assert_eq!(user("on (+get (+set"), Err(SetError::Unmatched(b"(+get".to_vec())));
}

/// A request: its words, the first may be a subcommand's full name; keys are written `r:key`, `w:key`, `rw:key` or
/// `?:key`.
fn check(user: &User, text: &str) -> Result<(), Denied> {
    let words: Vec<&str> = text.split(' ').collect();
    let command = vocabulary().find(words[0].as_bytes()).expect("a known command");
    let mut keys = Vec::new();
    let mut args = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let (flags, word) = match word.split_once(':') {
            Some(("r", key)) => (Some(KeyFlags::ACCESS), key),
            Some(("w", key)) => (Some(KeyFlags::INSERT), key),
            Some(("rw", key)) => (Some(KeyFlags::ACCESS | KeyFlags::DELETE), key),
            Some(("?", key)) => (Some(KeyFlags::RO), key),
            _ => (None, *word),
        };
        keys.extend(flags.map(|flags| KeyUse { at, flags }));
        args.push(word.as_bytes());
    }
    let channels = match words[0] {
        "publish" => Some(Channels::Published),
        "psubscribe" => Some(Channels::Patterns),
        _ => None,
    };
    user.check(&Request { command, for_all: words[0] == "auth", args: &args, keys: &keys, channels })
}

#[test]
fn what_rules_allow() {
    use Denied::*;
    for (rules, request, expected) in [
        ("", "get", Err(Command)),
        ("", "auth", Ok(())),
        ("+get", "get r:k", Err(Key(1))),
        ("+get ~k*", "get r:k1", Ok(())),
        ("+get ~k*", "get r:k1 r:l", Err(Key(2))),
        ("+get %R~k", "get r:k", Ok(())),
        ("+set %R~k", "set w:k", Err(Key(1))),
        ("+set %R~k", "set rw:k", Err(Key(1))),
        ("+set %R~k %W~k", "set rw:k", Ok(())),
        ("+set %R~k* %W~*1", "set rw:k1", Err(Key(1))),
        ("+set %W~k", "set ?:k", Ok(())),
        ("+set %W~k", "set ?:l", Err(Key(1))),
        ("+@all -get", "get", Err(Command)),
        ("+@all -get", "replconf", Ok(())),
        ("+@read", "get", Ok(())),
        ("+@read", "set", Err(Command)),
        ("+@admin", "config|set", Ok(())),
        ("+@slow -@admin", "config|help", Ok(())),
        ("+@slow -@admin", "config|get", Err(Command)),
        ("+config -config|set", "config|get", Ok(())),
        ("+config -config|set", "config|set", Err(Command)),
        ("+config|get", "config|help", Err(Command)),
        ("+select|0", "select 0", Ok(())),
        ("+select|0", "select 1", Err(Command)),
        ("+select|0", "select", Err(Command)),
        ("+select|0 -select", "select 0", Err(Command)),
        ("+publish &n*", "publish news x", Ok(())),
        ("+publish &n*", "publish other n", Err(Channel(1))),
        ("+psubscribe &n* &x", "psubscribe n* x", Ok(())),
        ("+psubscribe &n*", "psubscribe n* ne*", Err(Channel(2))),
        ("(+get ~a) (+set ~b)", "get r:b", Err(Key(1))),
        ("(+get ~a) (+set ~b)", "set w:b", Ok(())),
        ("+get ~k (+get ~k ~l)", "get r:k r:l r:m", Err(Key(3))),
        ("+get ~k (+get %W~l)", "get r:l", Err(Key(1))),
    ] {
        assert_eq!(check(&user(rules).unwrap(), request), expected, "{rules}: {request}");
    }
}

#[test]
fn only_one_selector_that_allows_all_makes_unrestricted() {
    for (rules, expected) in [
        ("+@all ~* &*", true),
        ("(+@all ~* &*)", true),
        ("+@all ~* &* -get", false),
        ("+@all ~* &* -get +get", true),
        ("+@all ~* resetchannels", false),
        ("+@all ~* (&*)", false),
        ("+@all ~* &* reset", false),
    ] {
        assert_eq!(user(rules).unwrap().is_unrestricted(), expected, "{rules}");
    }
}

#[test]
fn passwords() {
    assert!(!user(">a").unwrap().accepts(b"a"), "a disabled user");
    let two = user("on >a >b").unwrap();
    assert!(two.accepts(b"a") && two.accepts(b"b") && !two.accepts(b"") && !two.accepts(b"c"));
    assert!(user("on nopass").unwrap().accepts(b"anything"));
    assert!(!user("on").unwrap().accepts(b""));
}

#[test]
fn sessions_follow_their_user() {
    let users = Users::new(vocabulary());
    let mut first = Identity::new(&users);
    assert!(first.is_unrestricted() && first.is_authenticated() && !first.must_authenticate());
    users.set_default_password(Some(b"pw"));
    // Who came before stays in.
    assert_eq!(first.refresh(&users), Change::Refreshed);
    assert!(!first.must_authenticate() && Identity::new(&users).must_authenticate());
    users.set(b"u", &["on", "nopass", "+get"], false).unwrap();
    first.become_user(users.get(b"u").unwrap());
    assert!(!first.is_unrestricted());
    users.set(b"u", &["+@all", "~*", "&*"], false).unwrap();
    assert_eq!((first.refresh(&users), first.is_unrestricted()), (Change::Refreshed, true));
    assert_eq!(first.refresh(&users), Change::None);
    assert!(users.delete(b"u") && !users.delete(b"u") && !users.delete(b"default"));
    assert_eq!(first.refresh(&users), Change::Deleted);
    assert!(!first.is_unrestricted() && !first.user().accepts(b""));
    let mut own = Identity::server(&users);
    users.set(b"default", &["reset"], false).unwrap();
    assert_eq!((own.refresh(&users), own.is_unrestricted()), (Change::None, true));
}

#[test]
fn rules_apply_together_or_not_at_all() {
    let users = Users::new(vocabulary());
    users.set(b"u", &["on", "+get"], false).unwrap();
    let before = users.get(b"u");
    assert!(users.set(b"u", &["off", "bogus"], false).is_err());
    assert!(users.set(b"v", &["on", "(+get"], false).is_err());
    assert_eq!((users.get(b"u"), users.get(b"v")), (before, None));
}

#[test]
fn channels_that_are_no_longer_allowed_are_told() {
    for (before, after, narrowed) in [
        ("&a &b", "&a", Some(vec!["a"])),
        ("&a", "&a &b", None),
        ("&a", "&*", None),
        ("&*", "&a", Some(vec!["a"])),
        ("&a (&b)", "&b (&a)", None),
        ("&a*", "&ab", Some(vec!["ab"])),
        ("&a", "", Some(vec![])),
    ] {
        let [before, after] = [before, after].map(|rules| std::sync::Arc::new(user(rules).unwrap()));
        let replaced = Replaced { before: Some(before), after };
        let expected = narrowed.map(|globs| globs.into_iter().map(|glob| glob.as_bytes().into()).collect());
        assert_eq!(replaced.narrowed_channels(), expected);
    }
}

#[test]
fn a_file_is_read_whole_or_not_at_all() {
    let vocabulary = vocabulary();
    let rules = Rules { vocabulary: &vocabulary, all_channels: false };
    let read = |text: &str| match read_users(text.as_bytes(), "f", rules) {
        Ok(users) => {
            users.values().map(|user| String::from_utf8(user.line()).unwrap()).collect::<Vec<_>>().join(";")
        }
        Err(error) => String::from_utf8(error.0).unwrap(),
    };
    let failure = "WARNING: ACL errors detected, no change to the previously active ACL rules was performed";
    assert_eq!(
        read("\nuser b on (+get ~a)\r\n\n  user a off\n"),
        "user a off sanitize-payload resetchannels -@all;\
         user b on sanitize-payload resetchannels -@all (~a resetchannels -@all +get)"
    );
    for (text, error) in [
        ("# x\n", "f:1 should start with user keyword followed by the username. "),
        ("user\n", "f:1 should start with user keyword followed by the username. "),
        ("user a\nuser a", "WARNING: Duplicate user 'a' found on line 2. "),
        (
            "user a +nosuch",
            "f:1: Error in applying operation '+nosuch': Unknown command or category name in ACL. ",
        ),
        (
            "user a #secret",
            "f:1: The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters. ",
        ),
        ("user a (+get\nuser b x", "f:1: Unmatched parenthesis in selector definition.f:2: Syntax error. "),
    ] {
        assert_eq!(read(text), format!("{error}{failure}"), "{text}");
    }
}
