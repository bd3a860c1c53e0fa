// Draws what /_sandbox/console answers, once a second. What is on the page is changed in place, so that focus, open
// parts and scroll positions stay.

import { bars, clock, steps } from "./charts.js";

const EVERY = 1000, KEPT = 1000, ROWS = 200, COLOURS = 6, BARS = 60;
const $ = (id) => document.getElementById(id);
let calls = [], epoch = "", last = 0, paused = false, seen = new Map(), first = true, timer = 0;

/** An element: h("td", {class: "x"}, "text", child). Texts are never read as HTML. */
function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function text(node, value) {
  if (node.textContent !== String(value)) node.textContent = value;
}

/** Makes the children of `parent` those of `items`, in order; a child is made once for each key, and then updated. */
function keyed(parent, items, key, make) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  items.forEach((item, index) => {
    const id = String(key(item));
    let child = old.get(id);
    if (!child) {
      child = make(item);
      child.dataset.key = id;
    }
    old.delete(id);
    child.update?.(item, index);
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null);
  });
  for (const child of old.values()) child.remove();
}

const short = (name) => name.replace(/^projects\/[^/]+\/locations\/[^/]+\//, "");
const colour = (index) => `c${index % COLOURS}`;
const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
const sum = (values) => values.reduce((a, b) => a + (b ?? 0), 0);

function chart(title) {
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  drawing.setAttribute("viewBox", "0 0 560 130");
  drawing.setAttribute("role", "img");
  const head = h("tr"), body = h("tbody");
  const table = h("table", {}, h("caption", { class: "hidden" }, title), h("thead", {}, head), body);
  const details = h("details", {}, h("summary", {}, `${title} as a table`), table);
  const node = h("div", { class: "chart" }, h("h4", {}, title), drawing, details);
  node.draw = (how, series, history, summary) => {
    how(drawing, series, history, BARS);
    drawing.setAttribute("aria-label", `${title}: ${summary}`);
    if (!details.open) return;
    head.replaceChildren(...["From", ...series.map((each) => each.name)].map((each) => h("th", { scope: "col" }, each)));
    const told = (i) => series.some((each) => each.values[i] !== (i ? each.values[i - 1] : 0) || (how === bars && each.values[i]));
    const rows = [...Array(BARS).keys()].filter(told);
    body.replaceChildren(...rows.map((i) => h("tr", {}, h("th", { scope: "row" }, clock(history.start + i * history.step)), ...series.map((each) => h("td", {}, String(each.values[i] ?? ""))))));
  };
  details.addEventListener("toggle", () => details.open && refresh());
  return node;
}

function endpointCard(endpoint) {
  const title = h("h3"), tag = h("span", { class: "tag" }), name = h("p", { class: "name muted mono" });
  const split = h("div", { class: "split", role: "img" }), body = h("tbody"), refused = h("p", { class: "bad" });
  const columns = [["Deployed model"], ["Model"], ["Machine"], ["Traffic", 1], ["Replicas", 1], ["Bounds", 1], ["Answered", 1]];
  const head = h("tr", {}, ...columns.map(([label, number]) => h("th", { scope: "col", class: number ? "number" : "" }, label)));
  const models = h("table", {}, h("caption", { class: "hidden" }, "Deployed models"), h("thead", {}, head), body);
  const requests = chart("Requests"), replicas = chart("Replicas");
  const node = h("article", { class: "card" }, h("div", { class: "head" }, title, tag), name, split, h("div", { class: "wide" }, models), refused, h("div", { class: "charts" }, requests, replicas));
  node.update = (now) => {
    const { history } = node.page, deployed = now.deployedModels;
    text(title, now.displayName || short(now.name));
    text(tag, now.connectivity);
    text(name, now.address ? `${now.name} · ${now.address}` : now.name);
    drawSplit(split, deployed);
    keyed(body, deployed, (each) => each.id, deployedRow);
    models.hidden = deployed.length === 0;
    text(refused, now.refused ? `${plural(now.refused, "prediction")} refused` : "");
    const empty = Array(BARS).fill(0), unknown = Array(BARS).fill(null);
    const named = deployed.map((each, index) => ({ name: each.displayName || each.id, colour: colour(index), key: each.key }));
    const served = named.map((each) => ({ ...each, values: history.served[each.key] ?? empty }));
    served.push({ name: "refused", colour: "cx", values: history.refused[now.key] ?? empty });
    const running = named.map((each) => ({ ...each, values: history.replicas[each.key] ?? unknown }));
    requests.draw(bars, served, history, served.map((each) => `${each.name} ${sum(each.values)}`).join(", "));
    replicas.hidden = deployed.length === 0;
    replicas.draw(steps, running, history, running.map((each) => `${each.name} ${each.values.at(-1) ?? "not known"}`).join(", ") || "no model");
  };
  return node;
}

function drawSplit(node, deployed) {
  const parts = deployed.map((each, index) => ({ ...each, index })).filter((each) => each.percent > 0);
  node.classList.toggle("none", parts.length === 0);
  if (!parts.length) {
    node.removeAttribute("aria-label");
    node.removeAttribute("role");
    text(node, deployed.length ? "No traffic is split between these models." : "No model is deployed.");
    return;
  }
  node.setAttribute("role", "img");
  node.setAttribute("aria-label", `Traffic: ${parts.map((each) => `${each.displayName || each.id} ${each.percent} %`).join(", ")}`);
  if (!node.firstElementChild) node.replaceChildren();
  keyed(node, parts, (each) => each.id, () => {
    const part = h("span");
    part.update = (each) => {
      part.className = colour(each.index);
      part.style.flex = `${each.percent} 1 0`;
      text(part, each.percent >= 8 ? `${each.percent} % ${each.displayName}` : "");
    };
    return part;
  });
}

function deployedRow() {
  const swatch = h("span", { class: "swatch", "aria-hidden": "true" }), label = h("span"), id = h("span", { class: "muted mono" });
  const model = h("td", { class: "mono" }), machine = h("td"), percent = h("td", { class: "number" });
  const replicas = h("td", { class: "number" }), bounds = h("td", { class: "number" }), served = h("td", { class: "number" });
  const node = h("tr", {}, h("th", { scope: "row" }, swatch, label, " ", id), model, machine, percent, replicas, bounds, served);
  node.update = (now, index) => {
    swatch.className = `swatch ${colour(index)}`;
    text(label, now.displayName);
    text(id, now.id);
    text(model, short(now.model));
    text(machine, now.machine || "Google's");
    text(percent, `${now.percent} %`);
    text(replicas, now.replicas ?? "–");
    text(bounds, now.minReplicaCount === null ? "–" : `${now.minReplicaCount}–${now.maxReplicaCount}`);
    text(served, now.served);
  };
  return node;
}

function modelRow() {
  const name = h("th", { scope: "row" }), cells = ["", "", "", "number"].map((each) => h("td", { class: each }));
  const node = h("tr", {}, name, ...cells);
  node.update = (now) => {
    name.title = now.name;
    text(name, now.displayName);
    const answered = now.served === undefined ? "" : now.refused ? `${now.served}, refused ${now.refused}` : now.served;
    [now.source, now.location, now.endpoints.join(", ") || "–", answered].forEach((value, i) => text(cells[i], value));
  };
  return node;
}

const STATES = { running: ["busy", "Running"], done: ["good", "Done"], failed: ["bad", "Failed"], cancelled: ["bad", "Cancelled"] };

function operationRow(operation) {
  const state = h("span", { class: "status" }), stage = h("span", { class: "muted" }), reason = h("div", { class: "reason" });
  const bar = h("progress", { max: 1, "aria-label": `Progress of ${operation.what}` }), took = h("td", { class: "number" });
  const what = h("th", { scope: "row" }, operation.what);
  what.title = operation.name;
  const node = h("tr", {}, h("td", {}, clock(operation.started)), what, h("td", { class: "mono" }, short(operation.on) || "–"), h("td", {}, state, " ", stage, bar, reason), took);
  node.update = (now) => {
    const [mood, word] = STATES[now.state] ?? ["", now.state];
    state.className = `status ${mood}`;
    text(state, word);
    text(stage, now.state === "running" ? now.stage : "");
    text(reason, now.error);
    bar.hidden = now.state !== "running";
    bar.value = now.progress;
    text(took, now.ended ? `${(now.ended - now.started).toFixed(1)} s` : "");
  };
  return node;
}

function callRow(call) {
  const mood = call.status < 400 ? "good" : "bad";
  const path = h("td", {}, h("code", {}, call.path), ...(call.reason ? [h("div", { class: "reason" }, call.reason)] : []));
  const who = call.principal ? [h("div", { class: "muted" }, String(call.principal.email ?? call.principal))] : [];
  const method = call.method ? call.method.replace("projects.locations.", "") : `${call.http_method} ${call.service || "/"}`;
  return h("tr", {}, h("td", {}, clock(Date.parse(call.time) / 1000)), h("td", { class: `status ${mood}` }, String(call.status)), h("th", { scope: "row" }, method, ...who), path);
}

function drawCalls() {
  const kind = new FormData($("filters")).get("kind"), wanted = $("search").value.trim().toLowerCase();
  const kinds = { all: () => true, changes: (call) => call.mutating && call.status < 400, refusals: (call) => call.status >= 400 };
  const words = (call) => `${call.method} ${call.path} ${call.status} ${call.reason ?? ""}`.toLowerCase();
  const found = calls.filter((call) => kinds[kind](call) && words(call).includes(wanted));
  const shown = found.slice(-ROWS).reverse();
  keyed($("calls"), shown, (call) => call.seq, callRow);
  $("calls-table").hidden = shown.length === 0;
  $("no-calls").hidden = shown.length > 0;
  text($("shown"), shown.length < found.length ? `the newest ${ROWS} of ${found.length}` : plural(found.length, "call"));
}

/** Says aloud what ended since the last look; the first look is no news. */
function announce(operations) {
  const news = operations.filter((each) => seen.get(each.name) === "running" && each.state !== "running");
  seen = new Map(operations.map((each) => [each.name, each.state]));
  if (!first && news.length) text($("announce"), news.map((each) => `${each.what} ${STATES[each.state]?.[1].toLowerCase() ?? each.state}`).join(", "));
  first = false;
}

function draw(page) {
  text($("where"), `${page.projects.join(", ")} · ${page.profile} profile · ${page.url.replace("http://", "")}`);
  for (const card of $("endpoints").children) card.page = page;
  keyed($("endpoints"), page.endpoints, (each) => each.name, (each) => Object.assign(endpointCard(each), { page }));
  $("no-endpoints").hidden = page.endpoints.length > 0;
  keyed($("models"), page.models, (each) => each.name, modelRow);
  keyed($("operations"), page.operations, (each) => each.name, operationRow);
  $("operations-table").hidden = page.operations.length === 0;
  $("no-operations").hidden = page.operations.length > 0;
  const refusals = calls.filter((call) => call.status >= 400).length;
  const running = page.operations.filter((each) => each.state === "running").length;
  text($("count-endpoints"), page.endpoints.length);
  text($("count-models"), page.models.length);
  text($("count-operations"), running ? `${running} running` : page.operations.length);
  text($("count-calls"), refusals ? `${page.callsKept}, ${refusals} refused` : page.callsKept);
  announce(page.operations);
  drawCalls();
}

function say(state, words) {
  $("state").dataset.state = state;
  text($("state"), words);
}

async function refresh() {
  try {
    const answer = await fetch(`/_sandbox/console?since=${last}&window=${$("window").value}`);
    if (!answer.ok) throw new Error(`the sandbox answered ${answer.status}`);
    const page = await answer.json();
    if (page.epoch !== epoch) { // A reset or another sandbox: nothing that was seen is so any more.
      const again = epoch !== "";
      [epoch, calls, last, first] = [page.epoch, [], 0, true];
      if (again) return refresh();
    }
    calls = [...calls, ...page.calls.filter((call) => call.seq > last)].slice(-KEPT);
    last = calls.at(-1)?.seq ?? 0;
    draw(page);
    say(paused ? "paused" : "live", paused ? "Paused" : "Live");
  } catch (error) {
    if ($("state").dataset.state !== "lost") text($("announce"), "The sandbox does not answer.");
    say("lost", "The sandbox does not answer");
  }
}

async function loop() {
  clearTimeout(timer);
  if (!paused && !document.hidden) await refresh();
  clearTimeout(timer);
  timer = setTimeout(loop, EVERY);
}

$("pause").addEventListener("click", () => {
  paused = !paused;
  $("pause").setAttribute("aria-pressed", paused);
  say(paused ? "paused" : "live", paused ? "Paused" : "Live");
  if (!paused) loop();
});
$("window").addEventListener("change", refresh);
$("filters").addEventListener("input", drawCalls);
$("filters").addEventListener("submit", (event) => event.preventDefault());
document.addEventListener("visibilitychange", () => document.hidden || loop());
loop();
