// A Node program that keeps, drops and leaks memory as its options say: MiB, MiB/s, seconds.
const option = { burst: 0, leak: 0, churn: 0, after: 0, until: 0, seconds: 60 };
for (let i = 2; i < process.argv.length; i += 2)
  option[process.argv[i].slice(2)] = Number(process.argv[i + 1]);

// Small objects on V8's own heap, about 1 KiB each.
function objects(mib) {
  const made = [];
  for (let n = 0; n < mib * 1024; n++)
    made.push({ n, text: String(n).padEnd(900, 'x' + n), at: [n, n + 1, n + 2] });
  return made;
}

const kept = [];
const began = Date.now();
let burst = 0;
let leaked = 0;
const timer = setInterval(() => {
  const now = (Date.now() - began) / 1000;
  if (now > option.seconds) return clearInterval(timer);
  if (burst < option.burst) {
    kept.push(objects(20));
    burst += 20;
    return;
  }
  if (option.leak && now >= option.after && !(option.until && leaked >= option.until)) {
    kept.push(objects(option.leak / 10));
    leaked += option.leak / 10;
  }
  if (option.churn) objects(option.churn / 10);
}, 100);
