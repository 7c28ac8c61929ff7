//! A Redis in memory for tests, as far as a fleet needs it. It has a clock of the test, and loses what a test wants.

mod scripts;

use std::collections::{BTreeMap, HashMap};

use redis::{ConnectionLike, FromRedisValue, Parser, Pipeline, RedisResult, Value};

use super::{
    ask::Ask,
    link_error::{LinkError, LinkErrorKind},
};

type Bytes = Vec<u8>;

/// A Redis in memory.
#[derive(Clone, Debug, Default)]
pub(super) struct FakeRedis {
    /// In milliseconds since 1970.
    pub(super) now: u64,
    keys: HashMap<Bytes, Entry>,
    /// What becomes of the next questions.
    pub(super) fault: Fault,
    /// The bytes of all questions.
    pub(super) bytes: usize,
    pub(super) questions: usize,
    pub(super) commands: usize,
}

/// What becomes of a question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fault {
    #[default]
    None,
    /// It never arrives.
    Lost,
    /// It is done, and the answer is lost.
    Unanswered,
    /// Only some of its commands arrive, and no answer.
    Torn,
}

#[derive(Clone, Debug)]
struct Entry {
    value: Data,
    until: Option<u64>,
}

#[derive(Clone, Debug)]
enum Data {
    Hash(BTreeMap<Bytes, Bytes>),
    Sorted(BTreeMap<Bytes, u64>),
}

// === impl FakeRedis ===

impl FakeRedis {
    pub(super) fn at(now: u64) -> Self {
        Self {
            now,
            ..Self::default()
        }
    }

    pub(super) fn flush(&mut self) {
        self.keys.clear();
    }

    /// All keys that are there, sorted.
    pub(super) fn keys(&self) -> Vec<String> {
        let live = self
            .keys
            .iter()
            .filter(|(_, entry)| entry.is_live(self.now));
        let mut keys: Vec<_> = live
            .map(|(key, _)| String::from_utf8_lossy(key).into())
            .collect();
        keys.sort();
        keys
    }

    pub(super) fn evict(&mut self, key: &str) -> bool {
        self.keys.remove(key.as_bytes()).is_some()
    }

    /// All texts and bytes that are kept.
    pub(super) fn contents(&self) -> Vec<Bytes> {
        let mut all = Vec::new();
        for (key, entry) in &self.keys {
            all.push(key.clone());
            match &entry.value {
                Data::Hash(hash) => {
                    all.extend(hash.iter().flat_map(|(f, v)| [f.clone(), v.clone()]))
                }
                Data::Sorted(set) => all.extend(set.keys().cloned()),
            }
        }
        all
    }

    pub(super) fn has_no_end(&self) -> Vec<String> {
        let endless = self.keys.iter().filter(|(_, entry)| entry.until.is_none());
        endless
            .map(|(key, _)| String::from_utf8_lossy(key).into())
            .collect()
    }

    fn live(&mut self, key: &[u8]) -> Option<&mut Entry> {
        let now = self.now;
        self.keys.get_mut(key).filter(|entry| entry.is_live(now))
    }

    fn hash(&mut self, key: &[u8]) -> &mut BTreeMap<Bytes, Bytes> {
        if self.live(key).is_none() {
            let value = Data::Hash(BTreeMap::new());
            self.keys.insert(key.to_vec(), Entry { value, until: None });
        }
        match &mut self.keys.get_mut(key).unwrap().value {
            Data::Hash(hash) => hash,
            other => panic!("no hash: {other:?}"),
        }
    }

    fn sorted(&mut self, key: &[u8]) -> &mut BTreeMap<Bytes, u64> {
        if self.live(key).is_none() {
            let value = Data::Sorted(BTreeMap::new());
            self.keys.insert(key.to_vec(), Entry { value, until: None });
        }
        match &mut self.keys.get_mut(key).unwrap().value {
            Data::Sorted(sorted) => sorted,
            other => panic!("no sorted set: {other:?}"),
        }
    }

    pub(super) fn run(&mut self, command: &[Bytes]) -> Value {
        self.commands += 1;
        let word = |index: usize| command[index].as_slice();
        let bulk = |bytes: &Bytes| Value::BulkString(bytes.clone());
        let name = String::from_utf8_lossy(word(0)).to_ascii_uppercase();
        match &*name {
            "TIME" => {
                let (seconds, micros) = (self.now / 1_000, self.now % 1_000 * 1_000);
                let parts = [seconds, micros].map(|part| bulk(&part.to_string().into()));
                Value::Array(parts.into())
            }
            "DEL" => {
                let removed = command[1..].iter().filter_map(|key| self.keys.remove(key));
                Value::Int(removed.count() as i64)
            }
            "SET" => {
                let is_free = self.live(word(1)).is_none();
                assert_eq!((word(3), word(4)), (&b"NX"[..], &b"PX"[..]));
                if is_free {
                    self.take_turn(word(1), number(word(5)));
                }
                if is_free { Value::Okay } else { Value::Nil }
            }
            "HGET" => match self.live(word(1)).is_some() {
                true => {
                    let value = self.hash(word(1)).get(word(2));
                    value.map_or(Value::Nil, bulk)
                }
                false => Value::Nil,
            },
            "EXISTS" => Value::Int(self.live(word(1)).is_some().into()),
            "PEXPIRE" => {
                let until = self.now + number(word(2));
                let entry = self.live(word(1));
                Value::Int(
                    entry
                        .map(|entry| entry.until = Some(until))
                        .is_some()
                        .into(),
                )
            }
            "COPY" => {
                assert_eq!(word(3), b"REPLACE");
                let source = self.live(word(1)).cloned();
                let copied = source.map(|entry| self.keys.insert(word(2).to_vec(), entry));
                Value::Int(copied.is_some().into())
            }
            "HSET" => {
                let hash = self.hash(word(1));
                assert_eq!(command.len() % 2, 0, "each field has a value");
                for pair in command[2..].chunks(2) {
                    hash.insert(pair[0].clone(), pair[1].clone());
                }
                Value::Int(0)
            }
            "HEXISTS" => {
                let is_there =
                    self.live(word(1)).is_some() && self.hash(word(1)).contains_key(word(2));
                Value::Int(is_there.into())
            }
            "HGETALL" => match self.live(word(1)).is_some() {
                true => {
                    let hash = self.hash(word(1)).iter();
                    Value::Array(hash.flat_map(|(f, v)| [bulk(f), bulk(v)]).collect())
                }
                false => Value::Array(Vec::new()),
            },
            "HDEL" => {
                let hash = self.hash(word(1));
                let removed = command[2..].iter().filter_map(|field| hash.remove(field));
                Value::Int(removed.count() as i64)
            }
            "ZADD" => {
                let score = number(word(2));
                self.sorted(word(1)).insert(word(3).to_vec(), score);
                Value::Int(1)
            }
            "ZREM" => {
                let sorted = self.sorted(word(1));
                let removed = command[2..]
                    .iter()
                    .filter_map(|member| sorted.remove(member));
                Value::Int(removed.count() as i64)
            }
            "ZRANGE" => match self.live(word(1)).is_some() {
                true => {
                    let sorted = self.sorted(word(1)).iter();
                    let pairs = sorted.flat_map(|(m, s)| [bulk(m), bulk(&s.to_string().into())]);
                    Value::Array(pairs.collect())
                }
                false => Value::Array(Vec::new()),
            },
            "EVAL" => self.run_script(&command[1..]),
            _ => panic!("this test's Redis knows no {name}"),
        }
    }

    /// Runs packed commands, and gives all answers.
    fn run_all(&mut self, commands: Vec<Vec<Bytes>>) -> Vec<Value> {
        let (mut answers, mut queued) = (Vec::new(), None::<Vec<Value>>);
        for command in commands {
            match &*command[0] {
                b"MULTI" => {
                    queued = Some(Vec::new());
                    answers.push(Value::Okay);
                }
                b"EXEC" => answers.push(Value::Array(queued.take().unwrap())),
                _ => {
                    let answer = self.run(&command);
                    match &mut queued {
                        Some(queue) => {
                            queue.push(answer);
                            answers.push(Value::SimpleString("QUEUED".into()));
                        }
                        None => answers.push(answer),
                    }
                }
            }
        }
        answers
    }
}

impl Ask for FakeRedis {
    fn values(&mut self, pipeline: &Pipeline) -> Result<Vec<Value>, LinkError> {
        let broken = || LinkError::new(LinkErrorKind::Unreachable, "lost");
        let answer = pipeline.query::<Vec<Value>>(self);
        answer.map_err(|_| broken())
    }
}

impl ConnectionLike for FakeRedis {
    fn req_packed_command(&mut self, _: &[u8]) -> RedisResult<Value> {
        unreachable!("everything is a pipeline")
    }

    fn req_packed_commands(
        &mut self,
        bytes: &[u8],
        offset: usize,
        count: usize,
    ) -> RedisResult<Vec<Value>> {
        self.bytes += bytes.len();
        self.questions += 1;
        let lost = || Err((redis::ErrorKind::Io, "lost").into());
        let mut commands = commands(bytes, offset + count);
        match self.fault {
            Fault::Lost => return lost(),
            Fault::Torn => {
                // A transaction that is not complete is not done.
                let cut = fastrand::usize(0..commands.len());
                let ends = commands.iter().position(|command| command[0] == b"EXEC");
                let begins = commands.iter().position(|command| command[0] == b"MULTI");
                let cut = match (begins, ends) {
                    (Some(begin), Some(end)) if (begin..=end).contains(&cut) => begin,
                    _ => cut,
                };
                commands.truncate(cut);
                self.run_all(commands);
                return lost();
            }
            Fault::Unanswered => {
                self.run_all(commands);
                return lost();
            }
            Fault::None => {}
        }
        Ok(self.run_all(commands).split_off(offset))
    }

    fn get_db(&self) -> i64 {
        0
    }

    fn check_connection(&mut self) -> bool {
        true
    }

    fn is_open(&self) -> bool {
        true
    }
}

// === impl Entry ===

impl Entry {
    fn is_live(&self, now: u64) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

fn commands(mut bytes: &[u8], count: usize) -> Vec<Vec<Bytes>> {
    let mut parser = Parser::new();
    let word = |value: Value| Bytes::from_redis_value(value).unwrap();
    let mut command = || match parser.parse_value(&mut bytes).unwrap() {
        Value::Array(words) => words.into_iter().map(word).collect(),
        other => panic!("no command: {other:?}"),
    };
    (0..count).map(|_| command()).collect()
}

fn number(text: &[u8]) -> u64 {
    String::from_utf8_lossy(text).parse().unwrap()
}
