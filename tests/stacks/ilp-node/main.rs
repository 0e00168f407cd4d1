// SPDX-License-Identifier: Apache-2.0
// Runs the node that the JSON in the file named on the command line configures.
#![type_length_limit = "1119051"]

fn main() {
    let path = std::env::args().nth(1).expect("a configuration file");
    let file = std::fs::File::open(path).expect("the configuration opens");
    let node: ilp_node::InterledgerNode = serde_json::from_reader(file).expect("a configuration");
    node.run();
}
