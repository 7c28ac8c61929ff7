//! Does what the scripts of a fleet do.

use std::collections::BTreeMap;

use redis::Value;

use super::{
    super::{forget, gatherer},
    Bytes, Data, Entry, FakeRedis, number,
};

// === impl FakeRedis ===

impl FakeRedis {
    /// Runs a script: its text, the number of its keys, its keys, and its arguments.
    pub(super) fn run_script(&mut self, call: &[Bytes]) -> Value {
        let keys = number(&call[1]) as usize;
        let (keys, arguments) = call[2..].split_at(keys);
        match str::from_utf8(&call[0]) {
            Ok(forget::SCRIPT) => self.forget(keys, arguments),
            Ok(gatherer::SCRIPT) => self.gather(keys, arguments),
            _ => panic!("this test's Redis knows no such script"),
        }
    }

    /// What the script does that forgets starts.
    fn forget(&mut self, keys: &[Bytes], arguments: &[Bytes]) -> Value {
        let [now, old, ahead, turn] = [0, 1, 2, 3].map(|at| number(&arguments[at]));
        if self.live(&keys[2]).is_some() {
            return Value::Int(0);
        }
        self.take_turn(&keys[2], turn);
        let seen = self.sorted(&keys[1]).clone();
        let forgotten = seen.iter().filter(|(_, at)| **at <= old || **at > ahead);
        for (start, _) in forgotten.take(forget::MOST) {
            self.hash(&keys[0]).remove(start);
            self.sorted(&keys[1]).remove(start);
        }
        let all: Vec<_> = self.hash(&keys[0]).keys().cloned().collect();
        for start in all {
            self.sorted(&keys[1]).entry(start).or_insert(now);
        }
        Value::Int(1)
    }

    /// Takes a key for so many milliseconds.
    pub(super) fn take_turn(&mut self, key: &[u8], millis: u64) {
        let until = Some(self.now + millis);
        let value = Data::Hash(BTreeMap::new());
        self.keys.insert(key.to_vec(), Entry { value, until });
    }

    /// What the script does that puts one start in the place of others.
    fn gather(&mut self, keys: &[Bytes], arguments: &[Bytes]) -> Value {
        let at = self.hash(&keys[2]).get(&b"at"[..]).cloned();
        let (many, kept) = (number(&arguments[5]) as usize, number(&arguments[1]));
        let (members, mut rest) = arguments[6..].split_at(many);
        let seen = self.sorted(&keys[1]);
        if at.unwrap_or_default() != arguments[0]
            || members.iter().any(|one| !seen.contains_key(one))
        {
            return Value::Int(0);
        }
        for key in &keys[2..] {
            let (fields, behind) = rest[1..].split_at(number(&rest[0]) as usize);
            self.keys.remove(key);
            let hash = self.hash(key);
            hash.extend(
                fields
                    .chunks(2)
                    .map(|pair| (pair[0].clone(), pair[1].clone())),
            );
            let until = self.now + kept;
            self.keys.get_mut(key).unwrap().until = Some(until);
            rest = behind;
        }
        self.hash(&keys[0])
            .insert(arguments[2].clone(), arguments[3].clone());
        self.sorted(&keys[1])
            .insert(arguments[2].clone(), number(&arguments[4]));
        for one in members {
            self.hash(&keys[0]).remove(one);
            self.sorted(&keys[1]).remove(one);
        }
        Value::Int(1)
    }
}
