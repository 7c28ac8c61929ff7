use super::{super::real_redis::RealRedis, *};

/// Instances that share one Redis.
struct Shop {
    redis: RealRedis,
    keys: Keys,
}

impl Shop {
    fn open() -> Self {
        Self {
            redis: RealRedis::start(),
            keys: Keys::new("shop", "production"),
        }
    }

    /// An instance of a version. It gave a sign of life so many seconds ago.
    fn instance(&self, id: &str, version: &str, seconds_ago: u64) -> Noting {
        self.instance_since(id, version, seconds_ago, self.now())
    }

    /// One that began then.
    fn instance_since(&self, id: &str, version: &str, seconds_ago: u64, began: u64) -> Noting {
        let noting = Noting {
            keys: self.keys.clone(),
            start: StartId::random(),
            id: id.to_owned(),
            version: Some(version.to_owned()),
        };
        let (start, now) = (noting.start.to_string(), self.now());
        let told = format!(r#"{{"id":"{id}","version":"{version}","began":{began}}}"#);
        let seen = (now - seconds_ago * 1_000).to_string();
        let (instances, lives) = (self.keys.instances(), self.keys.seen());
        self.redis
            .answer(&["HSET", &instances, &start, &told])
            .unwrap();
        self.redis.answer(&["ZADD", &lives, &seen, &start]).unwrap();
        noting
    }

    fn now(&self) -> u64 {
        let now: Vec<String> =
            redis::from_redis_value(self.redis.answer(&["TIME"]).unwrap()).unwrap();
        now[0].parse::<u64>().unwrap() * 1_000 + now[1].parse::<u64>().unwrap() / 1_000
    }

    fn note(&self, noting: &Noting, told: Told, version: &str) -> Noted {
        self.note_once(noting, &Self::told(told, version))
    }

    fn told(told: Told, version: &str) -> NewMark {
        NewMark {
            told,
            version: version.to_owned(),
            environment: String::new(),
            by: "ci".to_owned(),
            changes: String::new(),
            token: fastrand::u64(..),
        }
    }

    fn note_once(&self, noting: &Noting, new: &NewMark) -> Noted {
        let answer: Value = self
            .redis
            .link()
            .ask(&noting.note(new, Duration::ZERO))
            .unwrap();
        Noted::of(&answer).unwrap()
    }

    fn start(&self, noting: &Noting) -> Noted {
        let version = noting.version.clone().unwrap();
        self.note(noting, Told::Start, &version)
    }

    /// The versions that were deployed.
    fn marks(&self, noting: &Noting) -> Vec<String> {
        let (list,): (Vec<String>,) = self.redis.link().ask(&noting.read()).unwrap();
        let marks = Mark::of_list(&list).into_iter();
        marks.map(|mark| mark.version).collect()
    }
}

const NEWS: Noted = Noted::Marked { is_news: true };

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn ten_instances_that_start_with_a_new_version_make_one_mark() {
    let shop = Shop::open();
    let old: Vec<_> = (0..10)
        .map(|at| shop.instance(&format!("shop-{at}"), "1.0", 1))
        .collect();
    for one in &old {
        assert_eq!(
            shop.start(one),
            Noted::Known,
            "the first version of all is no deployment"
        );
    }
    assert_eq!(shop.marks(&old[0]), Vec::<String>::new());
    let new: Vec<_> = (0..10)
        .map(|at| shop.instance(&format!("shop-{at}"), "1.1", 0))
        .collect();
    assert_eq!(shop.start(&new[0]), NEWS);
    for one in &new[1..] {
        assert_eq!(shop.start(one), Noted::Known);
    }
    // Each says it itself, too, as its application does when it starts.
    for (at, one) in new.iter().enumerate() {
        let noted = shop.note(one, Told::Process, "1.1");
        assert_eq!(noted, if at == 0 { NEWS } else { Noted::Known }, "{at}");
    }
    assert_eq!(shop.marks(&new[0]), ["1.1"]);
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn an_old_instance_that_starts_again_in_a_rolling_deployment_makes_no_mark() {
    let shop = Shop::open();
    let old = ["a", "b", "c"].map(|id| shop.instance(id, "1.0", 1));
    shop.start(&old[0]);
    let new = shop.instance("d", "1.1", 0);
    assert_eq!(shop.start(&new), NEWS);
    // Others still run the old version.
    let again = shop.instance("e", "1.0", 0);
    assert_eq!(shop.start(&again), Noted::Known);
    assert_eq!(shop.note(&again, Told::Process, "1.0"), Noted::Known);
    // It was the last one of the old version, and it has its name again.
    let late = Shop::open();
    let old = late.instance("a", "1.0", 120);
    late.start(&old);
    let new = late.instance("b", "1.1", 0);
    assert_eq!(late.start(&new), NEWS);
    let again = late.instance("a", "1.0", 0);
    assert_eq!(late.start(&again), Noted::Known);
    assert_eq!(late.marks(&again), ["1.1"]);
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn going_back_to_an_older_version_is_a_deployment() {
    let shop = Shop::open();
    shop.start(&shop.instance("a", "1.0", 300));
    assert_eq!(shop.start(&shop.instance("b", "1.1", 200)), NEWS);
    assert_eq!(shop.start(&shop.instance("c", "1.0", 0)), NEWS);
    assert_eq!(shop.marks(&shop.instance("d", "1.0", 0)), ["1.1", "1.0"]);
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn going_back_under_names_that_stay_is_a_deployment() {
    let shop = Shop::open();
    let began = shop.now() - 600_000;
    let of = |version: &str, ago: u64, minute: u64| {
        ["a", "b"].map(|id| shop.instance_since(id, version, ago, began + minute * 60_000))
    };
    for one in &of("1.0", 300, 0) {
        assert_eq!(shop.start(one), Noted::Known);
    }
    // The second one begins after the first one has made the mark, long before it is now.
    let [first, second] = of("1.1", 200, 3);
    assert_eq!(shop.start(&first), NEWS);
    let later = shop.now() + 60_000;
    let told = format!(r#"{{"id":"b","version":"1.1","began":{later}}}"#);
    let (instances, start) = (shop.keys.instances(), second.start.to_string());
    shop.redis
        .answer(&["HSET", &instances, &start, &told])
        .unwrap();
    assert_eq!(shop.start(&second), Noted::Known);
    // And back, each under its name, the second one first.
    let back = shop.instance_since("b", "1.0", 0, later + 60_000);
    assert_eq!(shop.start(&back), NEWS);
    let other = shop.instance_since("a", "1.0", 0, later + 60_000);
    assert_eq!(shop.start(&other), Noted::Known);
    assert_eq!(shop.marks(&back), ["1.1", "1.0"]);
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_note_that_is_sent_again_because_its_answer_was_lost_is_one() {
    let shop = Shop::open();
    shop.start(&shop.instance("c", "1.0", 300));
    let [one, other] = ["a", "b"].map(|id| shop.instance(id, "1.1", 0));
    let [process, joins, person] =
        [Told::Process, Told::Process, Told::Outside].map(|told| Shop::told(told, "1.1"));
    for _ in 0..3 {
        assert_eq!(shop.note_once(&one, &process), NEWS);
        assert_eq!(shop.note_once(&other, &joins), Noted::Known);
    }
    let again = Noted::Marked { is_news: false };
    for _ in 0..3 {
        assert_eq!(shop.note_once(&one, &person), again);
        // Also after the marks were read and put back.
        let (list,): (Vec<String>,) = shop.redis.link().ask(&one.read()).unwrap();
        shop.redis
            .answer(&["DEL", &shop.keys.deployments()])
            .unwrap();
        let (put,): (i64,) = shop
            .redis
            .link()
            .ask(&one.restore(&Mark::of_list(&list)))
            .unwrap();
        assert_eq!(put, 1);
    }
    assert_eq!(shop.marks(&one), ["1.1", "1.1"]);
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_deployment_that_is_told_counts_once_for_each_time() {
    let shop = Shop::open();
    let [one, other] = ["a", "b"].map(|id| shop.instance(id, "1.0", 0));
    shop.start(&one);
    assert_eq!(shop.note(&one, Told::Outside, "1.1"), NEWS);
    let again = Noted::Marked { is_news: false };
    assert_eq!(shop.note(&other, Told::Outside, "1.1"), again);
    assert_eq!(shop.note(&one, Told::Process, "2.0"), NEWS);
    assert_eq!(shop.note(&one, Told::Process, "2.0"), again);
    assert_eq!(shop.marks(&one), ["1.1", "1.1", "2.0", "2.0"]);
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_start_and_the_script_that_tells_of_it_are_one_deployment() {
    let shop = Shop::open();
    shop.start(&shop.instance("a", "1.0", 300));
    let new = shop.instance("a", "1.1", 0);
    assert_eq!(shop.start(&new), NEWS);
    assert_eq!(shop.note(&new, Told::Outside, "1.1"), NEWS);
    let (list,): (Vec<String>,) = shop.redis.link().ask(&new.read()).unwrap();
    let marks = Mark::of_list(&list);
    assert_eq!((marks.len(), marks[0].by.as_str()), (1, "ci"));
    let ago = shop.now() - marks[0].at_ms;
    assert!(ago < 60_000, "{ago}");
    let lasts = shop
        .redis
        .answer(&["PTTL", &shop.keys.deployments()])
        .unwrap();
    let Value::Int(lasts) = lasts else {
        panic!("{lasts:?}");
    };
    assert!((691_000_000..=691_200_000).contains(&lasts), "{lasts}");
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn marks_that_redis_lost_are_put_back_once_and_old_ones_go_first() {
    let shop = Shop::open();
    let one = shop.instance("a", "1.0", 0);
    for version in 0..101 {
        shop.note(&one, Told::Outside, &version.to_string());
    }
    let marks = shop.marks(&one);
    assert_eq!((marks.len(), marks[0].as_str()), (100, "1"));
    let (list,): (Vec<String>,) = shop.redis.link().ask(&one.read()).unwrap();
    shop.redis.answer(&["FLUSHALL"]).unwrap();
    for expected in [1, 0] {
        let (put,): (i64,) = shop
            .redis
            .link()
            .ask(&one.restore(&Mark::of_list(&list)))
            .unwrap();
        assert_eq!(put, expected);
    }
    assert_eq!(shop.marks(&one), marks);
}

#[test]
fn what_is_no_mark_is_left_out() {
    let mark = |kind: &str| format!(r#"{{"kind":"{kind}","version":"1.0","at_ms":7}}"#);
    let list = [
        mark("first"),
        mark("start"),
        mark("of-later"),
        "{".to_owned(),
        String::new(),
    ];
    let marks = Mark::of_list(&list);
    assert_eq!((marks.len(), marks[0].at_ms), (1, 7));
    for answer in [
        Value::Nil,
        Value::Array(vec![]),
        Value::Array(vec![Value::Array(vec![Value::Int(1), Value::Int(1)])]),
    ] {
        assert_eq!(Noted::of(&answer), None);
    }
    let long = "x".repeat(5_000);
    let new = NewMark {
        told: Told::Start,
        version: long.clone(),
        environment: long.clone(),
        by: long.clone(),
        changes: long,
        token: 7,
    };
    let noting = Noting {
        keys: Keys::new("shop", "test"),
        start: StartId::random(),
        id: "a".to_owned(),
        version: None,
    };
    let sent = noting
        .note(&new, Duration::ZERO)
        .get_packed_pipeline()
        .len();
    assert!(sent < SCRIPT.len() + 3_000, "{sent}");
}
