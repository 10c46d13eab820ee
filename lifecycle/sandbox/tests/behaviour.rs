//! What a sandbox promises to those who use it, as root and as an ordinary user.

mod world;

use world::World;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args.get(1).is_some_and(|arg| arg == sandbox::INIT) {
        sandbox::init();
    }
    let world = World::new();
    println!("{:?}", sandbox::probe::probe(&world.host));
    println!("{:?}", world.shell(&world.sandbox(), "id; hostname; ls -la / /dev /sys /etc; cat /proc/mounts; cat /proc/self/status | grep -E 'Cap|NoNew|Secc'; cat /proc/self/uid_map; exit 42"));
}
