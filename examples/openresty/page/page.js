// The page: what its left side is told, what its right side asks, and what its buttons do.
import { half, duration } from './half.js'
import { $, write, state, show_figures } from './figures.js'

const asked = Number(new URLSearchParams(location.search).get('poll'))
const POLL = asked > 0 ? asked : 5 // seconds: try ?poll=1
const KEY = 'ann-1'
const PACE = 1200 // milliseconds between two changes by themselves
const PRODUCTS = 6 // the last one is what a long transaction changes

const pause = ms => new Promise(done => setTimeout(done, ms))
const live = half($('live')), polled = half($('polled'))

// ---- the database's clock: this machine's, unless the page is seen from another one
let skew = 0
const now = () => Date.now() / 1000 - skew

/** The text at a path; null where there is nothing. */
async function get(path) {
  const answer = await fetch(path, { cache: 'no-store' })
  if (answer.status === 404) return null
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
  return answer.text()
}

// ---- the left side: it is told that a row was changed, and reads that row from the cache
const reads = {} // the last read of each row: they come one after another

async function read(id) {
  let text
  while (text === undefined) text = await get(`/product/${id}`).catch(() => pause(300))
  if (text) live.show(JSON.parse(text), now())
  else live.drop(id)
}

const read_soon = id => { reads[id] = (reads[id] || Promise.resolve()).then(() => read(id)) }
const read_all = () => { for (let id = 1; id <= PRODUCTS; id++) read_soon(id) }

const events = new EventSource('/changes')
events.addEventListener('open', read_all)
events.addEventListener('change', event => {
  const [table, id] = event.data.split(' ')
  if (table === 'product') read_soon(id)
})
events.addEventListener('purge', event => {
  $('resyncs').dataset.why = event.data
  read_all()
})
events.addEventListener('figures', event => {
  const figures = JSON.parse(event.data), drift = Date.now() / 1000 - figures.now
  skew = Math.abs(drift) < 0.5 ? 0 : drift
  for (const side of [live, polled]) side.wait_for(PRODUCTS, figures.open)
  show_figures(figures, live, polled)
})
events.addEventListener('error', () => state('gone', 'nginx does not answer. The page tries again.'))

// It looks the key up in the cache again and again, as a gateway does for each request.
async function look_up() {
  for (;;) {
    live.key(await get(`/key/${KEY}`).catch(() => 'not known'))
    await pause(100)
  }
}

// ---- the right side: it asks
let since = '-infinity'

async function poll() {
  polled.ask(POLL)
  let answer
  try {
    answer = JSON.parse(await get(`/poll?since=${encodeURIComponent(since)}`))
  } catch {
    return polled.fail(true)
  }
  polled.fail(false)
  since = answer.since
  for (const row of answer.products) polled.show(row, now())
  // What was committed well before it asked, and did not come, never will.
  for (const row of live.rows()) if (row.committed < answer.asked - 0.5) polled.must_have(row)
  polled.key(answer.keys.includes(KEY) ? 'accepted' : 'refused')
}

// ---- the buttons
let has_key = true
const is_cut = () => document.querySelector('.servers .silent') !== null

async function press(name) {
  const answer = await fetch(`/do/${name}`, { method: 'POST', headers: { 'X-Button': 'yes' } })
  if (!answer.ok) throw new Error(await answer.text())
  return answer.json()
}

const buttons = {
  async change() {
    const row = await press('change')
    return `${row.name} now costs ${row.price.toFixed(2)}.`
  },
  async open() {
    await press(`open?seconds=${POLL * 1.6}`)
    return `A transaction has changed the price of olive oil, and commits it in ${duration(POLL * 1.6)}. All else goes on.`
  },
  async key() {
    for (const side of [live, polled]) side.await_key(now())
    await press(has_key ? 'delete' : 'add')
    has_key = !has_key
    write($('key'), has_key ? 'Delete the API key' : 'Add the API key again')
    return has_key ? 'The API key was added.' : 'The API key was deleted.'
  },
  async cut() {
    const back = is_cut()
    await press(back ? 'back' : 'cut')
    return back ? 'The database answers again.' : 'The database was stopped: it does not answer any more.'
  },
  async failover() {
    await press('failover')
    return 'The primary was killed, and its standby takes over.'
  },
}

for (const [name, act] of Object.entries(buttons)) {
  $(name).addEventListener('click', async () => {
    if ($(name).getAttribute('aria-disabled') === 'true') return
    write($('said'), await act().catch(error => `That did not work. ${error.message}`))
  })
}

async function keep_changing() {
  for (;;) {
    await pause(PACE)
    if ($('busy').checked && !document.hidden) await press('change').catch(() => {})
  }
}

write($('every'), String(POLL))
poll()
setInterval(poll, POLL * 1000)
look_up()
keep_changing()
