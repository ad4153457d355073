// One side of the page: its cards, its API key, and how long after their commits it showed changes.
const FLASH = 1200 // milliseconds
const TYPICAL = 15 // latencies

/** Seconds, as people read them. */
export function duration(seconds) {
  return seconds < 1 ? `${Math.max(1, Math.round(seconds * 1000))} ms` : `${seconds.toFixed(1)} s`
}

function median(list) {
  const sorted = [...list].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]
}

function make_card(list, row) {
  const card = document.getElementById('card').content.firstElementChild.cloneNode(true)
  card.dataset.id = row.id
  card.querySelector('use').setAttribute('href', `icons.svg#p${row.id}`)
  card.querySelector('.name').textContent = row.name
  list.insertBefore(card, [...list.children].find(other => other.dataset.id > row.id) || null)
  return card
}

function flash(element) {
  element.classList.remove('changed')
  void element.offsetWidth // so that an animation at work begins anew
  element.classList.add('changed')
  clearTimeout(element.flashes)
  element.flashes = setTimeout(() => element.classList.remove('changed'), FLASH)
}

export function half(section) {
  const cards = {}, rows = {}, latencies = [], last = []
  const find = name => section.querySelector(name)
  let asked // when the key's button was pressed

  const typical = () => last.length ? duration(median(last)) : '–'

  // What a row was before is told by its commit: a price may come again.
  function show(row, now) {
    const known = rows[row.id]
    const card = cards[row.id] ||= make_card(find('.cards'), row)
    rows[row.id] = row
    if (known && known.committed === row.committed) return
    card.querySelector('.price').textContent = row.price.toFixed(2)
    card.classList.remove('missed')
    if (!known) return
    const latency = Math.max(0.001, now - row.committed)
    latencies.push([now, latency])
    last.push(latency)
    if (last.length > TYPICAL) last.shift()
    card.querySelector('.note').textContent = `${duration(latency)} after commit`
    find('.typical').textContent = typical()
    flash(card)
  }

  // There is no such row any more.
  function drop(id) {
    cards[id]?.remove()
    delete cards[id]
    delete rows[id]
  }

  // A row that this side should show by now.
  function must_have(row) {
    const known = rows[row.id], card = cards[row.id]
    if (!known || known.committed >= row.committed) return
    card.classList.add('missed')
    card.querySelector('.note').textContent = `missed ${row.price.toFixed(2)}`
  }

  // A transaction that has changed a row is open, for so many seconds more; null: none is.
  function wait_for(id, seconds) {
    const card = cards[id], text = seconds === null ? '' : `commits in ${Math.ceil(seconds)} s`
    if (!card || card.querySelector('.wait').textContent === text) return
    card.querySelector('.wait').textContent = text
    card.classList.toggle('open', text !== '')
  }

  function key(answer) {
    const element = find('.key'), shown = find('.answer')
    if (shown.textContent === answer) return
    const was_known = /ed$/.test(shown.textContent) && /ed$/.test(answer)
    shown.textContent = answer
    element.dataset.answer = answer
    if (!asked || !was_known) return
    find('.key .note').textContent = `${duration(Date.now() / 1000 - asked)} after the click`
    flash(element)
  }

  // It asks now, and again after so many seconds: a bar shows the time until then.
  function ask(seconds) {
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) return
    find('.bar').animate([{ transform: 'scaleX(0)' }, { transform: 'scaleX(1)' }], seconds * 1000)
  }

  return {
    latencies, typical, show, drop, must_have, wait_for, key, ask,
    rows: () => Object.values(rows),
    await_key() { asked = Date.now() / 1000 },
    fail(failed) { find('.failed').hidden = !failed },
  }
}
