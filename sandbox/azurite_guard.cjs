"use strict";
// Loaded into Azurite's process before Azurite itself (node --require). Azurite must not outlive whoever started
// it, even when that process is killed outright: the starter holds the other end of our standard input, so its
// end of file means that nobody is left to stop us.
process.stdin.on("end", () => {
  process.kill(process.pid, "SIGTERM");
  setTimeout(() => process.exit(0), 3000);
});
process.stdin.on("error", () => process.exit(0));
process.stdin.resume();
// Watching must not keep a stopped Azurite alive.
process.stdin.unref();

// Each 10 minutes (queues: each minute) Azurite looks for the payloads of overwritten blobs. In memory every write is
// a payload of its own and each is removed by copying the list of all: 15,000 of them stop Azurite 3.35 for 270 s, in
// which storage answers nobody. What is kept in memory goes with the process, so it needs no collecting.
if (process.argv.includes("--inMemoryPersistence")) {
  const LONGEST_TIMER_MS = 2 ** 31 - 1;
  for (const service of ["blob", "queue"]) {
    require(`./node_modules/azurite/dist/src/${service}/utils/constants`).DEFAULT_GC_INTERVAL_MS = LONGEST_TIMER_MS;
  }
}
