// The same fifty rules in a rule engine from npm, over the same users.
//   node rules.mjs json-rules-engine|zen-engine RULES.json USERS.jsonl COUNT -> users a second, how many wants were true
import { readFileSync } from "node:fs";

const [which, rulesFile, usersFile, most] = process.argv.slice(2);
const rules = JSON.parse(readFileSync(rulesFile, "utf8"));
const lines = readFileSync(usersFile, "utf8").split("\n").slice(0, Number(most)).filter((line) => line !== "");

let decide; // user -> how many rules want it
if (which === "json-rules-engine") {
  const { Engine } = await import("json-rules-engine");
  const words = { ">=": "greaterThanInclusive", "<": "lessThan", "==": "equal" };
  const engine = new Engine();
  for (const rule of rules) {
    engine.addRule({
      conditions: { all: rule.all.map(([fact, sign, value]) => ({ fact, operator: words[sign], value })) },
      event: { type: rule.name },
    });
  }
  decide = async (user) => (await engine.run(user)).events.length;
} else {
  const { ZenEngine } = await import("@gorules/zen-engine");
  const expressions = rules.map((rule, i) => ({
    id: `e${i}`,
    key: `r${i}`,
    value: rule.all.map(([fact, sign, value]) => `${fact} ${sign} ${JSON.stringify(value)}`).join(" and "),
  }));
  const engine = new ZenEngine();
  const decision = engine.createDecision({
    nodes: [
      { id: "in", name: "in", type: "inputNode", position: { x: 0, y: 0 } },
      { id: "rules", name: "rules", type: "expressionNode", content: { expressions }, position: { x: 0, y: 0 } },
      { id: "out", name: "out", type: "outputNode", position: { x: 0, y: 0 } },
    ],
    edges: [
      { id: "a", type: "edge", sourceId: "in", targetId: "rules" },
      { id: "b", type: "edge", sourceId: "rules", targetId: "out" },
    ],
  });
  decide = async (user) => {
    const { result } = await decision.evaluate(user);
    let wanted = 0;
    for (let i = 0; i < expressions.length; i++) if (result[`r${i}`] === true) wanted++;
    return wanted;
  };
}

const began = process.hrtime.bigint();
let wanted = 0;
for (const line of lines) wanted += await decide(JSON.parse(line));
const seconds = Number(process.hrtime.bigint() - began) / 1e9;
console.log((lines.length / seconds).toFixed(0), wanted);
