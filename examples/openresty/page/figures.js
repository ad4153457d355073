// How all stands: whether the left side is fresh, what the servers are, which buttons make sense, and the last minute as plots.
import { duration } from './half.js'
import { forget, plot } from './plot.js'

const ROLES = {
  primary: 'primary', standby: 'standby, follows', silent: 'does not answer', dead: 'was killed',
  promoted: 'takes over', copied: 'is made a standby',
}
const history = { hits: [], loads: [], lag: [], resyncs: [] }
let before, was_fresh = false

export const $ = id => document.getElementById(id)

/** A text that stays as it is told nobody again. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text
}

export function state(kind, text) {
  $('state').className = `state ${kind}`
  write($('state'), text)
}

function enable(name, enabled) { $(name).setAttribute('aria-disabled', String(!enabled)) }

/** Where nobody may stop the server, there are no buttons for that. */
function servers(all) {
  $('cut').hidden = $('failover').hidden = $('A').parentElement.hidden = !all
  if (!all) return
  const roles = Object.values(all)
  for (const [name, role] of Object.entries(all)) {
    $(name).className = role
    write($(name).querySelector('span'), ROLES[role])
  }
  const is_cut = roles.includes('silent')
  write($('cut'), is_cut ? 'Give the database back' : 'Cut the database off')
  enable('cut', is_cut || roles.includes('primary'))
  enable('failover', roles.includes('standby'))
}

function freshness(fresh) {
  was_fresh ||= fresh
  if (fresh) state('fresh', 'Fresh: the left side knows of every commit.')
  else if (was_fresh) state('stale', 'Not known to be fresh: no word from the database. The left side may be out of date.')
  $('live').classList.toggle('stale', !fresh)
}

function note(f) {
  const passed = before ? f.now - before.now : 0
  if (passed > 0.1) {
    const loads = f.loads - before.loads
    history.loads.push([f.now, loads / passed])
    history.hits.push([f.now, Math.max(0, f.lookups - before.lookups - loads) / passed])
  }
  if (passed > 0.1 || !before) before = f
  history.lag.push([f.now, f.lag])
  history.resyncs.push([f.now, f.resyncs])
}

function draw(f, live, polled) {
  for (const points of [...Object.values(history), live.latencies, polled.latencies]) forget(points, f.now)
  plot($('latency'), f.now, {
    logarithmic: true,
    marks: [[0.001, '1 ms'], [0.01, '10 ms'], [0.1, '0.1 s'], [1, '1 s'], [10, '10 s']],
    series: [{ points: polled.latencies, kind: 'dots', name: 'polled' }, { points: live.latencies, kind: 'dots', name: 'live' }],
  })
  plot($('hits'), f.now, {
    marks: [[0, '0'], [5, '5'], [10, '10'], [15, '15']],
    series: [{ points: history.loads, name: 'polled' }, { points: history.hits, name: 'live' }],
  })
  plot($('lag'), f.now, {
    marks: [[0, '0'], [3, '3 s', 'limit'], [6, '6 s']], series: [{ points: history.lag, name: 'live' }],
  })
  const most = Math.max(4, f.resyncs)
  plot($('resyncs'), f.now, {
    marks: [[0, '0'], [most, String(most)]], series: [{ points: history.resyncs, name: 'live' }],
  })
}

export function show_figures(f, live, polled) {
  freshness(f.fresh)
  servers(f.servers)
  enable('open', f.open === null)
  note(f)
  draw(f, live, polled)
  const share = f.lookups ? 100 * (1 - f.loads / f.lookups) : 0
  write($('latency-value'), `${live.typical()} / ${polled.typical()}`)
  write($('hits-value'), `${share.toFixed(1)} % cached`)
  write($('lag-value'), `${duration(f.lag)} ago`)
  write($('resyncs-value'), f.resyncs ? `${f.resyncs}: ${$('resyncs').dataset.why || 'before'}` : 'none')
}
