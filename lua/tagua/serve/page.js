// The page of `tagua serve`: asks /api/* and shows what comes. Whatever comes is put in as text, never as markup.
"use strict";
(function () {
  const WORDS = {
    "en": {
      skip: "Skip to the content", connection: "Connection", language: "Language",
      gateTitle: "Token", token: "Admin token", enter: "Open",
      gateHelp: "This page needs the admin token of tagua serve: the command tagua token page prints it. It is kept for this tab alone.",
      refused: "This token was not accepted.",
      searchTitle: "Find a user", searchLabel: "Id, e-mail, phone, member number or name",
      searchHint: "Id, e-mail, phone, member number or name", find: "Find",
      nowTitle: "Now", tagsTitle: "Tags", runsTitle: "What ran last", failuresTitle: "What failed",
      users: "Users", blocked: "{n} blocked the bot", pulled: "at the pull {when}", neverPulled: "never pulled",
      quota: "Quota in use", quotaOf: "{n} of {most} a minute", quotaNone: "{n} in the last minute",
      slowed: "slowed down to {n} a second", paused: "paused by the platform for {n} s", waiting: "Waiting", queued: "operations in the queue",
      operations: { one: "{n} operation", other: "{n} operations" },
      events: "Live events, 24 hours", eventSums: "{done} done, {failed} failed", noEvents: "none yet", last: "last {when}",
      atLeast: "at least {n}",
      tag: "Tag", days: "Last 30 days", tagUsers: "Users", ours: "By Tagua", changes: "On, off",
      line: "{name}: {from} users 30 days ago, {to} today; between {least} and {most}",
      noTags: "No tags are known yet. They appear after the first pull or the first run.",
      counting: "Counting…", more: "Show more", noConnections: "Nothing has run yet: the ledger has no connection.",
      noRuns: "Nothing has run yet.", onlyEvents: "Live events", allRuns: "Runs", noEventRuns: "No live event has led to a tag yet.",
      run: "Run {n}", done: "{n} done", failed: "{n} failed", skipped: "{n} skipped", left: "{n} left",
      noFailures: "Nothing has failed lately.", example: "For example {tag} on {user}.", stopped: "Run {n} stopped",
      moreFailures: "There are more. See them with tagua log.",
      nobody: "Nobody was found.", further: "Look through more names", moreFound: "There are more. Say more of the name or id.",
      notYet: "The names of more users have not been looked through yet.", blockedBot: "blocked the bot",
      back: "Back", hasTags: "Tags now", hasNone: "This user has no tags.", history: "What was done", noHistory: "Nothing was done to this user.",
      moreTags: "There are more tags than these.",
      byRun: "Put on by run {run}, {when}", byTagua: "Put on by Tagua, {when}", byHand: "Put on in the console, {when}",
      byHandNoTime: "Put on in the console", byFound: "Was there before Tagua, {when}", byFoundNoTime: "Was there before Tagua",
      ends: "comes off {when}", doubt: "whether an operation on it took effect is not known",
      rule: "Rule “{rule}”, {file}:{line}", source: "{input}, line {line}", noRule: "By hand, without a rule", byProgram: "Asked for by a program on this host", noValues: "It read no values.",
      put: "Put on", took: "Taken off", phone: "Phone", email: "E-mail", extId: "Member number", created: "Since", active: "Last active",
      failedToLoad: "This could not be loaded: {message}", offline: "Tagua does not answer. It will be tried again.",
      rulesOf: "Rules {path}, in force {when}", tested: { one: "{n} test passed", other: "{n} tests passed" },
      rulesRefused: "The rules were changed {when} and are refused; those of before go on. {message}",
      configChanged: "connections.lua was changed: start tagua serve again for it to count.",
      partDown: "The {part} does not run. {message}", draining: "Tagua is being stopped.",
      foot: "Tagua {version}. Times are in {zone}.",
      kinds: { apply: "Apply", tag: "Tag", untag: "Untag", retry: "Retry", undo: "Undo", expire: "Expire", event: "Live events", wishes: "Programs" },
      states: { queued: "queued", sending: "sending", interrupted: "interrupted", stopped: "stopped", done: "done", abandoned: "abandoned" },
      outcomes: { done: "done", unattributed: "done, perhaps not by us", failed: "failed", skipped: "skipped", sending: "being sent",
        stands: "put on again by somebody, left", ambiguous: "not known" }
    },
    "zh-TW": {
      skip: "跳到主要內容", connection: "連線", language: "語言",
      gateTitle: "權杖", token: "管理權杖", enter: "開啟",
      gateHelp: "本頁需要 tagua serve 的管理權杖，執行 tagua token page 可以看到。權杖只會保留在這個分頁。",
      refused: "權杖不正確。",
      searchTitle: "查詢用戶", searchLabel: "ID、Email、電話、會員編號或名稱",
      searchHint: "ID、Email、電話、會員編號或名稱", find: "查詢",
      nowTitle: "目前狀況", tagsTitle: "標籤", runsTitle: "最近的執行", failuresTitle: "失敗與原因",
      users: "用戶", blocked: "{n} 人已封鎖", pulled: "{when}拉回", neverPulled: "尚未拉回",
      quota: "額度使用", quotaOf: "每分鐘 {most}，已用 {n}", quotaNone: "最近一分鐘 {n}",
      slowed: "已降速為每秒 {n}", paused: "平台要求暫停 {n} 秒", waiting: "等待中", queued: "排隊中的動作",
      operations: { other: "{n} 個動作" },
      events: "即時事件（24 小時）", eventSums: "完成 {done}，失敗 {failed}", noEvents: "尚無", last: "最近一次：{when}",
      atLeast: "至少 {n}",
      tag: "標籤", days: "最近 30 天", tagUsers: "人數", ours: "Tagua 貼的", changes: "貼上、移除",
      line: "{name}：30 天前 {from} 人，今天 {to} 人；介於 {least} 與 {most} 之間",
      noTags: "還沒有任何標籤。第一次拉回或執行之後就會出現。",
      counting: "計算中…", more: "顯示更多", noConnections: "還沒有執行過：帳本裡沒有任何連線。",
      noRuns: "還沒有執行過。", onlyEvents: "即時事件", allRuns: "執行", noEventRuns: "還沒有即時事件貼上標籤。",
      run: "第 {n} 次執行", done: "完成 {n}", failed: "失敗 {n}", skipped: "略過 {n}", left: "剩下 {n}",
      noFailures: "最近沒有失敗。", example: "例如：{user} 的「{tag}」。", stopped: "第 {n} 次執行停止了",
      moreFailures: "還有更多，請用 tagua log 查看。",
      nobody: "找不到符合的用戶。", further: "繼續搜尋名稱", moreFound: "還有更多，請輸入更完整的名稱或 ID。",
      notYet: "還有用戶的名稱尚未搜尋。", blockedBot: "已封鎖機器人",
      back: "返回", hasTags: "目前的標籤", hasNone: "這位用戶沒有標籤。", history: "處理紀錄", noHistory: "沒有對這位用戶做過任何動作。",
      moreTags: "還有更多標籤未列出。",
      byRun: "第 {run} 次執行貼上，{when}", byTagua: "由 Tagua 貼上，{when}", byHand: "在後台手動貼上，{when}",
      byHandNoTime: "在後台手動貼上", byFound: "使用 Tagua 之前就有，{when}", byFoundNoTime: "使用 Tagua 之前就有",
      ends: "{when}到期移除", doubt: "上一個動作是否生效尚不清楚",
      rule: "規則「{rule}」，{file}:{line}", source: "{input} 第 {line} 行", noRule: "手動，沒有規則", byProgram: "由本機的程式交辦", noValues: "沒有讀取任何欄位。",
      put: "貼上", took: "移除", phone: "電話", email: "Email", extId: "會員編號", created: "加入時間", active: "最近互動",
      failedToLoad: "無法載入：{message}", offline: "Tagua 沒有回應，稍後會再試。",
      rulesOf: "規則 {path}，{when}生效", tested: { other: "{n} 個測試通過" },
      rulesRefused: "規則在{when}有修改，但未通過，仍照原來的規則執行。{message}",
      configChanged: "connections.lua 已修改，重新啟動 tagua serve 才會生效。",
      partDown: "{part} 沒有在執行。{message}", draining: "Tagua 正在停止。",
      foot: "Tagua {version}，時間為 {zone}。",
      kinds: { apply: "套用", tag: "貼標", untag: "移除標籤", retry: "重試", undo: "還原", expire: "到期移除", event: "即時事件", wishes: "程式交辦" },
      states: { queued: "排隊中", sending: "傳送中", interrupted: "已中斷", stopped: "已停止", done: "完成", abandoned: "已放棄" },
      outcomes: { done: "完成", unattributed: "已生效（可能由他人完成）", failed: "失敗", skipped: "略過", sending: "傳送中",
        stands: "有人重新貼上，予以保留", ambiguous: "結果不明" }
    }
  };

  const by = (id) => document.getElementById(id);
  const kept = (store, key, value) => {
    try {
      if (value === undefined) return store.getItem(key);
      if (value === null) store.removeItem(key); else store.setItem(key, value);
    } catch (e) { /* a browser that keeps nothing still shows the page */ }
    return null;
  };

  let language = kept(localStorage, "tagua.language") || document.documentElement.lang;
  if (!WORDS[language]) language = "en";
  let token = kept(sessionStorage, "tagua.token");
  let zone = "UTC", skew = 0, connection = null, connections = [], events = false, version = "";

  // ---- words, numbers, moments --------------------------------------------------------------

  function say(key, values) {
    let text = WORDS[language][key];
    if (typeof text === "object") {
      text = text[new Intl.PluralRules(language).select(values.count)] || text.other;
    }
    return text.replace(/\{(\w+)\}/g, (all, name) => values && values[name] !== undefined ? String(values[name]) : all);
  }
  const word = (group, key) => WORDS[language][group][key] || key;
  const number = (n) => new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(n);
  function date(seconds) {
    return new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short", timeZone: zone, hourCycle: "h23" })
      .format(new Date(seconds * 1000));
  }
  const STEPS = [["second", 60], ["minute", 60], ["hour", 24], ["day", 14]];
  function ago(seconds) {
    let distance = seconds - Date.now() / 1000 - skew;
    for (const [unit, most] of STEPS) {
      if (Math.abs(distance) < most) return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(Math.round(distance), unit);
      distance /= most;
    }
    return date(seconds);
  }
  const when = (seconds) => h("time", { datetime: new Date(seconds * 1000).toISOString(), title: date(seconds) }, ago(seconds));

  // A sentence with elements in the places of its values.
  function sentence(key, values) {
    const parts = WORDS[language][key].split(/(\{\w+\})/);
    return parts.map((part) => /^\{\w+\}$/.test(part) && values[part.slice(1, -1)] !== undefined ? values[part.slice(1, -1)] : part);
  }

  // ---- elements -----------------------------------------------------------------------------

  function fill(element, children) {
    for (const child of children.flat(3)) {
      if (child === null || child === undefined || child === false || child === "") continue;
      element.append(child instanceof Node ? child : document.createTextNode(String(child)));
    }
    return element;
  }
  function h(name, attributes, ...children) {
    const element = document.createElement(name);
    for (const key of Object.keys(attributes || {})) {
      if (key === "click") element.addEventListener("click", attributes.click);
      else if (attributes[key] !== null && attributes[key] !== undefined) element.setAttribute(key, attributes[key]);
    }
    return fill(element, children);
  }
  const put = (element, ...children) => { element.replaceChildren(); return fill(element, children); };
  const none = (text) => h("p", { class: "none" }, text);
  const button = (text, click, kind) => h("button", { type: "button", class: kind, click: click }, text);

  function svg(name, attributes, ...children) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const key of Object.keys(attributes)) element.setAttribute(key, attributes[key]);
    element.append(...children);
    return element;
  }
  function spark(tag) {
    const line = tag.line, least = Math.min(...line), most = Math.max(...line);
    const y = (value) => most === least ? (most === 0 ? 30 : 16) : 30 - 28 * (value - least) / (most - least);
    const points = line.map((value, i) => `${(200 * i / (line.length - 1)).toFixed(1)},${y(value).toFixed(1)}`);
    const label = say("line", { name: tag.name, from: number(line[0]), to: number(line[line.length - 1]), least: number(least), most: number(most) });
    const title = svg("title", {});
    title.textContent = label;
    return svg("svg", { class: "spark", viewBox: "0 0 200 32", preserveAspectRatio: "none", role: "img", "aria-label": label },
      title, svg("polygon", { points: `0,32 ${points.join(" ")} 200,32` }), svg("polyline", { points: points.join(" ") }));
  }

  // ---- questions ----------------------------------------------------------------------------

  class Refused extends Error {}
  async function ask(path, query) {
    const text = Object.entries(query || {}).filter(([, value]) => value !== null && value !== undefined)
      .map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join("&");
    let response;
    try {
      response = await fetch(`/api/${path}${text ? "?" + text : ""}`, {
        headers: token ? { Authorization: "Bearer " + token } : {}, cache: "no-store", credentials: "omit", redirect: "error"
      });
    } catch (e) {
      throw new Error(say("offline"));
    }
    if (response.status === 401 || response.status === 403) throw new Refused();
    let body = null;
    try { body = await response.json(); } catch (e) { /* told below */ }
    if (!response.ok || body === null) throw new Error(say("failedToLoad", { message: body && body.message || response.status }));
    return body;
  }
  function trouble(error) {
    if (error instanceof Refused) return gate(token !== null);
    by("notice").textContent = error.message;
    by("notice").hidden = false;
  }
  const calm = () => { by("notice").hidden = true; };

  function gate(wrong) {
    token = null;
    kept(sessionStorage, "tagua.token", null);
    by("page").hidden = true;
    by("notice").hidden = true;
    by("gate").hidden = false;
    by("refused").textContent = wrong ? say("refused") : "";
    by("token").value = "";
    by("token").focus();
  }

  // ---- what is now --------------------------------------------------------------------------

  const figure = (name, big, ...rest) => h("div", {}, h("dt", {}, name), h("dd", {}, h("span", { class: "big" }, big), rest));
  const small = (...children) => h("span", { class: "small soft" }, children);

  function showNow(one) {
    if (!one) return put(by("figures"), none(say("noConnections")));
    const quota = one.quota, sums = one.events, most = quota.per_second ? quota.per_second * 60 : null;
    let meter = null;
    if (most) {
      const bar = h("i", {});
      bar.style.width = `${Math.min(100, 100 * quota.in_minute / most)}%`;
      meter = h("span", { class: "meter", "aria-hidden": "true" }, bar);
    }
    const slow = quota.rate && quota.per_second && quota.rate < quota.per_second * 0.99;
    return put(by("figures"),
      figure(say("users"), number(one.users),
        small(one.pulled ? sentence("pulled", { when: when(one.pulled) }) : say("neverPulled"),
          one.blocked ? h("br") : null, one.blocked ? say("blocked", { n: number(one.blocked) }) : null)),
      figure(say("quota"), most ? `${number(Math.round(100 * quota.in_minute / most))}%` : number(quota.in_minute), meter,
        small(most ? say("quotaOf", { n: number(quota.in_minute), most: number(most) }) : say("quotaNone", { n: number(quota.in_minute) })),
        quota.paused ? h("span", { class: "small warn" }, h("br"), say("paused", { n: number(quota.paused) }))
          : slow ? h("span", { class: "small warn" }, h("br"), say("slowed", { n: number(quota.rate) })) : null),
      figure(say("waiting"), number(quota.waiting), small(say("queued"))),
      figure(say("events"), sums.whole ? number(sums.done + sums.failed) : say("atLeast", { n: number(sums.done + sums.failed) }),
        small(sums.runs ? say("eventSums", { done: number(sums.done), failed: number(sums.failed) }) : say("noEvents"),
          sums.last ? h("br") : null, sums.last ? sentence("last", { when: when(sums.last) }) : null)));
  }

  // What `tagua serve` tells of itself, worst first. Nothing, where it does not.
  function showServe(state) {
    const lines = [];
    if (state) {
      const rules = state.rules, bad = (...children) => h("p", { class: "bad" }, children);
      if (state.draining) lines.push(bad(say("draining")));
      for (const part of state.parts || []) {
        const name = part.connection ? `${part.part} ${part.connection}` : part.part;
        if (!part.ready && !state.draining) lines.push(bad(say("partDown", { part: name, message: part.failure || "" })));
      }
      if (rules.refused) lines.push(bad(sentence("rulesRefused", { when: when(rules.refused.at), message: rules.refused.message })));
      if (state.configuration_changed) lines.push(bad(say("configChanged")));
      lines.push(h("p", { class: "soft" }, sentence("rulesOf", { path: rules.path, when: when(rules.accepted) }),
        typeof rules.tests === "number" && rules.tests > 0 ? [" · ", say("tested", { n: number(rules.tests), count: rules.tests })] : null));
    }
    return put(by("serve"), lines);
  }

  // ---- tags ---------------------------------------------------------------------------------

  let shownTags = [];
  const tagRow = (tag) => h("tr", {},
    h("td", {}, h("span", { class: "name" }, tag.name), tag.folder ? h("br") : null, tag.folder ? small(tag.folder) : null),
    h("td", { class: "cell-line" }, spark(tag)),
    h("td", { class: "number last" }, number(tag.users)),
    h("td", { class: "number wider" }, number(tag.ours)),
    h("td", { class: "number wider" }, `+${number(tag.on)} −${number(tag.off)}`));

  function showTags(list, next, counting) {
    if (!list.length) return put(by("tags"), none(say(counting ? "counting" : "noTags")));
    return put(by("tags"),
      h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, say("tag")), h("th", { scope: "col" }, say("days")),
        h("th", { scope: "col", class: "number last" }, say("tagUsers")), h("th", { scope: "col", class: "number wider" }, say("ours")),
        h("th", { scope: "col", class: "number wider" }, say("changes")))), h("tbody", {}, list.map(tagRow))),
      next ? button(say("more"), () => loadTags(next), "more") : null,
      counting ? h("p", { class: "soft small" }, say("counting")) : null);
  }
  async function loadTags(first) {
    const of = connection;
    const found = await ask("tags", { connection: of, first: first });
    if (of !== connection) return;
    shownTags = first ? shownTags.concat(found.tags) : found.tags;
    showTags(shownTags, found.next, found.counting);
    if (found.counting) setTimeout(() => loadTags().catch(trouble), 300);
  }

  // ---- runs and failures --------------------------------------------------------------------

  const kindOf = (one) => one.kind === "event" && one.input === "wishes" ? "wishes" : one.kind;
  const BAD = { interrupted: true, stopped: true };
  const runRow = (run) => h("li", {},
    h("div", { class: "head" }, h("span", { class: "name" }, `${word("kinds", kindOf(run))} ${run.rules || ""}`), h("span", { class: "soft" }, when(run.finished || run.created))),
    h("div", {}, run.state === "done" ? null : [h("span", { class: "chip" + (BAD[run.state] ? " bad" : "") }, word("states", run.state)), " "],
      small(say("run", { n: run.run }), " · ", say("done", { n: number(run.done) }),
        run.failed ? [" · ", h("span", { class: "bad" }, say("failed", { n: number(run.failed) }))] : null,
        run.skipped ? [" · ", say("skipped", { n: number(run.skipped) })] : null,
        run.left ? [" · ", say("left", { n: number(run.left) })] : null)),
    run.message ? h("div", { class: "small bad" }, run.message) : null);

  let shownRuns = [];
  async function loadRuns(before) {
    const of = connection, kind = events;
    const found = await ask("runs", { connection: of, before: before, events: kind ? 1 : null });
    if (of !== connection || kind !== events) return;
    shownRuns = before ? shownRuns.concat(found.runs) : found.runs;
    const toggle = (on, key) => h("button", { type: "button", "aria-pressed": String(events === on), click: () => { events = on; loadRuns().catch(trouble); } }, say(key));
    put(by("runs"), h("p", {}, h("span", { class: "languages", role: "group" }, toggle(false, "allRuns"), toggle(true, "onlyEvents"))),
      shownRuns.length ? h("ul", { class: "rows" }, shownRuns.map(runRow)) : none(say(events ? "noEventRuns" : "noRuns")),
      found.next ? button(say("more"), () => loadRuns(found.next).catch(trouble), "more") : null);
  }

  async function loadFailures() {
    const of = connection;
    const found = await ask("failures", { connection: of });
    if (of !== connection) return;
    const rows = found.stopped.map((one) => h("li", {},
      h("div", { class: "head" }, h("span", { class: "name bad" }, say("stopped", { n: one.run })), h("span", { class: "soft" }, when(one.time))),
      h("div", { class: "small" }, one.message)))
      .concat(found.failures.map((one) => h("li", {},
        h("div", { class: "head" }, h("span", { class: "name" }, one.code || "—"), h("span", { class: "soft" }, one.time ? when(one.time) : null)),
        h("div", { class: "small" }, one.message),
        h("div", { class: "small soft" }, say("operations", { n: number(one.operations), count: one.operations }), " · ", say("run", { n: one.run }), ". ",
          sentence("example", { tag: one.tag, user: button(one.user, () => go(one.user), "plain") })))));
    put(by("failures"), rows.length ? h("ul", { class: "rows" }, rows) : none(say("noFailures")),
      found.more ? h("p", { class: "soft small" }, say("moreFailures")) : null);
  }

  // ---- users --------------------------------------------------------------------------------

  const userRow = (user) => h("li", {},
    button(user.name || user.id, () => go(user.id), "plain"), " ", user.blocked ? h("span", { class: "chip bad" }, say("blockedBot")) : null,
    h("div", { class: "id" }, [user.name ? user.id : null, user.ext_id, user.email, user.phone].filter(Boolean).join(" · ")));

  async function find(question, from, before) {
    const of = connection;
    const found = await ask("users", { connection: of, q: question, from: from });
    if (of !== connection) return;
    const list = (before || []).concat(found.users);
    put(by("found"),
      list.length ? h("ul", { class: "rows" }, list.map(userRow)) : none(say(found.next ? "notYet" : "nobody")),
      found.more ? h("p", { class: "soft small" }, say("moreFound")) : null,
      found.next ? button(say("further"), () => find(question, found.next, list).catch(trouble)) : null);
  }

  const shown = (value) => Array.isArray(value) ? `{ ${value.join(", ")} }` : String(value);
  function reason(one) {
    const names = Object.keys(one.fields || {}).sort();
    return [
      h("div", { class: "small" }, one.rule ? say("rule", { rule: one.rule, file: one.file || "?", line: one.line || "?" })
        : say(kindOf(one) === "wishes" ? "byProgram" : "noRule"),
        one.input_line && one.kind !== "event" ? ` · ${say("source", { input: one.input || "?", line: one.input_line })}` : ""),
      names.length ? h("ul", { class: "values" }, names.map((name) => h("li", {}, `${name} = ${shown(one.fields[name])}`)))
        : one.fields ? h("div", { class: "small soft" }, say("noValues")) : null
    ];
  }
  function owner(tag) {
    const time = tag.since ? when(tag.since) : null;
    if (tag.owner === "tagua") {
      const at = tag.why && tag.why.time ? when(tag.why.time) : time;
      return tag.why ? sentence("byRun", { run: tag.why.run, when: at }) : sentence("byTagua", { when: at || "—" });
    }
    const key = tag.owner === "found" ? "byFound" : "byHand";
    return time ? sentence(key, { when: time }) : say(key + "NoTime");
  }
  const tagOf = (tag) => h("li", {},
    h("div", { class: "head" }, h("span", { class: "name" }, tag.name), h("span", { class: "soft" }, tag.folder)),
    h("div", { class: "small soft" }, owner(tag), tag.ends ? [" · ", sentence("ends", { when: when(tag.ends) })] : null,
      tag.doubt ? [" · ", h("span", { class: "warn" }, say("doubt"))] : null),
    tag.why ? reason(tag.why) : null);
  const doneRow = (one) => h("li", {},
    h("div", { class: "head" },
      h("span", {}, h("span", { class: "sign", "aria-hidden": "true" }, one.action === "tag" ? "+" : "−"),
        h("span", { class: "unseen" }, say(one.action === "tag" ? "put" : "took")), " ", h("span", { class: "name" }, one.tag), " ",
        one.outcome === "done" ? null : h("span", { class: "chip" + (one.outcome === "failed" || one.outcome === "ambiguous" ? " bad" : "") }, word("outcomes", one.outcome))),
      h("span", { class: "soft" }, one.time ? when(one.time) : null)),
    one.message ? h("div", { class: "small bad" }, one.message) : null,
    h("div", { class: "small soft" }, `${word("kinds", kindOf(one))} · ${say("run", { n: one.run })}`), reason(one));

  function facts(user) {
    const list = [[say("extId"), user.ext_id], [say("email"), user.email], [say("phone"), user.phone],
      [say("created"), user.created && date(user.created > 1e11 ? user.created / 1000 : user.created)],
      [say("active"), user.last_active && date(user.last_active > 1e11 ? user.last_active / 1000 : user.last_active)]];
    return list.filter(([, value]) => value).map(([name, value]) => `${name} ${value}`).join(" · ");
  }
  async function showUser(id) {
    const of = connection;
    const answer = await ask("user", { connection: of, id: id });
    if (of !== connection) return;
    const user = answer.user, list = h("ul", { class: "rows" }, answer.history.map(doneRow)), more = h("div", {});
    const offer = (next) => put(more, next ? button(say("more"), async () => {
      try {
        const rest = await ask("user", { connection: of, id: id, run: next.run, seq: next.seq });
        list.append(...rest.history.map(doneRow));
        offer(rest.next);
      } catch (error) { trouble(error); }
    }, "more") : null);
    offer(answer.next);
    const title = h("h3", { tabindex: "-1" }, user.name || user.id);
    put(by("found"), h("div", {}, button(say("back"), () => { location.hash = ""; }),
      title, user.name ? h("div", { class: "id" }, user.id) : null,
      user.blocked ? h("span", { class: "chip bad" }, say("blockedBot")) : null,
      h("div", { class: "small soft" }, facts(user)),
      h("h4", {}, say("hasTags")), answer.tags.length ? h("ul", { class: "rows" }, answer.tags.map(tagOf)) : none(say("hasNone")),
      answer.more_tags ? h("p", { class: "soft small" }, say("moreTags")) : null,
      h("h4", {}, say("history")), answer.history.length ? list : none(say("noHistory")), more));
    title.focus({ preventScroll: false });
  }
  function go(id) {
    const target = "#user=" + encodeURIComponent(id);
    if (location.hash === target) showUser(id).catch(trouble); else location.hash = target;
  }
  function route() {
    const match = /^#user=(.*)$/.exec(location.hash);
    let id = null;
    try { id = match ? decodeURIComponent(match[1]) : null; } catch (e) { /* not an address of ours */ }
    by("home").hidden = id !== null && connection !== null;
    if (connection === null) return;
    if (id !== null) showUser(id).catch(trouble); else put(by("found"));
  }

  // ---- the whole ----------------------------------------------------------------------------

  function translate() {
    document.documentElement.lang = language;
    for (const element of document.querySelectorAll("[data-text]")) element.textContent = say(element.dataset.text);
    for (const element of document.querySelectorAll("[data-hint]")) element.placeholder = say(element.dataset.hint);
    for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", say(element.dataset.label));
    for (const element of document.querySelectorAll("[data-language]")) element.setAttribute("aria-pressed", String(element.dataset.language === language));
    by("foot").textContent = version ? say("foot", { version: version, zone: zone }) : "";
  }
  function choose() {
    const twice = (one) => connections.some((other) => other !== one && other.name === one.name);
    const label = (one) => twice(one) ? [one.name, one.platform, one.bot, one.page].filter(Boolean).join(" · ") : one.name;
    put(by("connection"), connections.map((one) => h("option", { value: one.number }, label(one))));
    by("connection").value = String(connection);
    by("pick").hidden = connections.length < 1;
  }
  async function look(everything) {
    const found = await ask("overview");
    calm();
    zone = found.zone;
    skew = found.now - Date.now() / 1000; // moments are told by the clock of the host that they are from
    version = found.version;
    const names = (list) => list.map((one) => `${one.number} ${one.name}`).join("\n");
    const changed = names(found.connections) !== names(connections) || everything;
    connections = found.connections;
    if (!connections.some((one) => one.number === connection)) {
      const served = connections.find((one) => one.served) || connections[0];
      const before = connections.find((one) => String(one.number) === kept(sessionStorage, "tagua.connection"));
      connection = before ? before.number : served ? served.number : null;
    }
    by("gate").hidden = true;
    by("page").hidden = false;
    if (changed) choose();
    translate();
    const one = connections.find((each) => each.number === connection);
    showNow(one);
    showServe(found.state);
    if (!one) {
      put(by("tags"), none(say("noTags")));
      put(by("runs"), none(say("noRuns")));
      put(by("failures"), none(say("noFailures")));
      return;
    }
    if (everything) route();
    // What a person has opened further is left as it is.
    await Promise.all([shownTags.length <= 200 || everything ? loadTags() : null,
      shownRuns.length <= 10 || everything ? loadRuns() : null, loadFailures()]);
  }

  const secret = /^#token=(.+)$/.exec(location.hash);
  if (secret) {
    try { token = decodeURIComponent(secret[1]); } catch (e) { token = secret[1]; }
    kept(sessionStorage, "tagua.token", token);
    history.replaceState(null, "", location.pathname);
  }
  by("gate").addEventListener("submit", (event) => {
    event.preventDefault();
    token = by("token").value.trim();
    kept(sessionStorage, "tagua.token", token);
    look(true).catch(trouble);
  });
  by("search").addEventListener("submit", (event) => {
    event.preventDefault();
    const question = by("question").value.trim();
    if (!question || connection === null) return;
    if (location.hash) history.pushState(null, "", location.pathname);
    by("home").hidden = false;
    find(question).catch(trouble);
  });
  by("connection").addEventListener("change", () => {
    connection = Number(by("connection").value);
    kept(sessionStorage, "tagua.connection", String(connection));
    if (location.hash) history.pushState(null, "", location.pathname);
    look(true).catch(trouble);
  });
  for (const element of document.querySelectorAll("[data-language]")) {
    element.addEventListener("click", () => {
      language = element.dataset.language;
      kept(localStorage, "tagua.language", language);
      translate();
      if (!by("page").hidden) look(true).catch(trouble);
    });
  }
  window.addEventListener("hashchange", route);
  translate();
  look(true).catch(trouble);
  setInterval(() => {
    if (!document.hidden && by("gate").hidden && by("page").hidden === false) look(false).catch(trouble);
  }, 10000);
})();
