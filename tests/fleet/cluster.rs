//! A real cluster: all keys of a fleet are on one node, whichever node an instance asks first.

use crate::{
    load::Answered,
    member::{Settings, Sums},
    programs::eventually,
    redis::{Redis, SECOND},
};

/// The slots of a cluster.
const SLOTS: u32 = 16_384;

/// A cluster of so many nodes, each with its share of the slots.
fn cluster(nodes: u32) -> Vec<Redis> {
    let started = (0..nodes).map(|_| {
        Redis::with(&[
            "--cluster-enabled",
            "yes",
            "--cluster-announce-ip",
            "127.0.0.1",
            "--cluster-port",
            SECOND,
        ])
    });
    let all: Vec<Redis> = started.collect();
    for (number, node) in (0..).zip(&all) {
        let (from, to) = (SLOTS * number / nodes, SLOTS * (number + 1) / nodes - 1);
        let range = [from.to_string(), to.to_string()];
        node.ask::<()>(&["CLUSTER", "ADDSLOTSRANGE", &range[0], &range[1]]);
        let ports = [all[0].port(), all[0].second_port()].map(|port| port.to_string());
        node.ask::<()>(&["CLUSTER", "MEET", "127.0.0.1", &ports[0], &ports[1]]);
    }
    eventually("the cluster is whole", || {
        let mut states = all.iter().map(|node| {
            let info: String = node.ask(&["CLUSTER", "INFO"]);
            info.contains("cluster_state:ok")
                && info.contains(&format!("cluster_known_nodes:{nodes}"))
        });
        states.all(|is_ok| is_ok).then_some(())
    });
    all
}

fn adds_up(nodes: u32) {
    let nodes = cluster(nodes);
    let mut all = Sums::default();
    let members: Vec<_> = (1..)
        .zip(&nodes)
        .map(|(number, node)| {
            let member = Settings::at(&node.url()).start(&format!("shop-{number}"));
            let paths = ["/orders/1", "/fails/2"];
            Answered::of(&member.address, &paths, 100 * number);
            all = all + member.own();
            member
        })
        .collect();
    for member in &members {
        member.shows(all);
        assert_eq!(member.instances().len(), members.len());
        assert_eq!(member.lines(" WARN "), Vec::<String>::new());
    }
    let filled = nodes.iter().filter(|node| !node.keys("").is_empty());
    assert_eq!(filled.count(), 1, "all keys have one hash tag");
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_cluster_of_one_node_holds_a_fleet() {
    adds_up(1);
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn a_cluster_of_three_nodes_holds_a_fleet_whichever_node_is_asked() {
    adds_up(3);
}

#[test]
#[ignore = "needs redis-server; .ci/run installs it"]
fn what_is_on_its_way_to_another_node_is_found_there() {
    let nodes = cluster(2);
    let member = Settings::at(&nodes[0].url()).start("shop-1");
    Answered::of(&member.address, &["/orders/1", "/fails/2"], 60);
    let all = member.own();
    member.shows(all);
    let from = nodes
        .iter()
        .position(|node| !node.keys("").is_empty())
        .unwrap();
    let (from, to) = (&nodes[from], &nodes[1 - from]);
    let slot: u32 = from.ask(&["CLUSTER", "KEYSLOT", &from.keys("").pop().unwrap()]);
    let (slot, port) = (slot.to_string(), to.port().to_string());
    let [source, target]: [String; 2] = [from, to].map(|node| node.ask(&["CLUSTER", "MYID"]));
    to.ask::<()>(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &source]);
    from.ask::<()>(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &target]);
    // The instance writes all the while: what is there already gives way.
    eventually("all keys have moved", || {
        let keys = from.keys("");
        for key in &keys {
            let moves = ["MIGRATE", "127.0.0.1", &port, key, "0", "5000", "REPLACE"];
            from.ask::<()>(&moves);
        }
        keys.is_empty().then_some(())
    });
    member.shows(all);
    let owner: String = from.ask(&["CLUSTER", "NODES"]);
    assert!(
        owner.contains(&format!("[{slot}->-{target}]")),
        "it is on its way: {owner}"
    );
    for node in [to, from] {
        node.ask::<()>(&["CLUSTER", "SETSLOT", &slot, "NODE", &target]);
    }
    Answered::of(&member.address, &["/orders/1"], 40);
    member.shows(member.own());
}
