// POST after POST with undici, so many in flight:
//   node undici.mjs BASE PATH FLYING SECONDS -> requests a second
import { Pool } from "undici";

const [base, path, flying, seconds] = process.argv.slice(2);
const pool = new Pool(base, { connections: Number(flying) });
const body =
  '{"bot_raw_uid":"U21ab30ccce78feb456048adeb80cf00a","bot_pid":"test_audi","bot_channel":1,"bot_tag_id":"tag-1"}';
const headers = { "content-type": "application/json", authorization: "Bearer 0123456789abcdef0123456789abcdef" };

let done = 0;
const began = process.hrtime.bigint();
const ends = began + BigInt(Math.floor(Number(seconds) * 1e9));
async function go() {
  while (process.hrtime.bigint() < ends) {
    const answer = await pool.request({ path, method: "POST", headers, body });
    const { status } = await answer.body.json();
    if (answer.statusCode !== 200 || status !== 200) throw new Error(`answered ${answer.statusCode}`);
    done++;
  }
}
await Promise.all(Array.from({ length: Number(flying) }, go));
console.log((done / (Number(process.hrtime.bigint() - began) / 1e9)).toFixed(0));
await pool.close();
