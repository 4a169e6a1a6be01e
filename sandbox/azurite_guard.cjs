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
