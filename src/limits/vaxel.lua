#!lua name=vaxel
-- version 5
-- SPDX-License-Identifier: Apache-2.0
--
-- The month's counters of an organisation, and what each request id did (DESIGN 5). All keys of a call share a slot.
--
--   {ORG}:YYYYMM    hash  h its head: the day it met last as YYYYMMDD, the identity of the primary that built it, ' ',
--                         and the epoch it was built under; o, d<id>, t<id>, c<id>: spent in minor units; l<credit>:
--                         the credit's last purchase, as 16 bytes of its content from the client on, and its id;
--                         none when that was reversed
--   {ORG}:YYYYMMDD  hash  16 bytes of a request id -> letter, epoch, ':', 32 bytes of content, and more:
--                         A counted; after the content what was approved, when that is less than was asked for
--                         D refused; 'reason,mask'
--                         V reversed; '-' when it was taken off ahead of being counted
--                         E an effect that lowers (a capture, void, refund …) was counted; it has no content
--   {ORG}:YYYYMM:E<epoch>  hash  sums that come in more than one call, on their way to replace the month's
--
-- A is believed only under the epoch it was made in: the count of an older one was in counters that are no more. One of
-- a newer epoch was written by a rebuild that has yet to replace the counters: its purchase is on record, so it is
-- known. D and V hold under every epoch. An l is forgotten by a rebuild: a double tap across one passes.
--
-- Numbers that are stored are handed to redis.call as numbers, which writes them whole up to 2^53; tostring() and ..
-- turn to exponents at 10^14, so they are for reasons and single amounts.
--
-- What is dear here: each redis.call, each argument and field, each number that is made text, and a table that grows.
-- So arguments come packed as one, an answer that is numbers alone goes as one, and lists are used again.
--
-- Nodes of two versions may share a Redis during a deploy. A node replaces a library of a lower version than its own,
-- or of the same version and another text, and leaves a higher one alone. So: raise the version with every change; a
-- change of what a function takes or answers needs a new name, and the old one stays until no node calls it.

local DAY_SECONDS = 4 * 86400
local MONTH_SECONDS = 100 * 86400
local STAGE_SECONDS = 600

-- Of a head that has met none.
local NO_DAY = '00000000'

-- Verdicts below zero; from zero on it is the mask of the limits that refuse, 0: counted. After KNOWN comes what is
-- stored, after PARTIAL what was approved.
local KNOWN, UNKNOWN, STANDS, REMEMBERED, DOUBLE_TAP, PARTIAL, COLD = -1, -2, -3, -4, -5, -6, -7
-- Kinds of item in a group; 0 is a purchase without anything special, and after UNDO comes what is to be applied.
local REFUSE, RECALL, SPENT, SPECIAL, UNDO = 1, 2, 3, 4, 5

-- Reasons by the first letter of the refusing limit's field, as in switch/terms.h.
local REASONS = { c = 8, t = 9, d = 10, o = 11 }

-- Formats by how much they are for, made when they are first needed: a library has no string functions while it loads.
local field_formats, id_formats, answer_formats, plain_formats = {}, {}, {}, {}
local item_formats = { [0] = {}, {}, {}, {}, {}, {}, {} }

local function repeated(formats, count, one)
    local format = '<' .. string.rep(one, count)
    formats[count] = format
    return format
end

-- Of an item, behind its three bytes: amount, for each limit the place of its field in what is read and its ceiling,
-- what its kind needs besides (a special one the place of the credit's last purchase and a window, an effect the epoch
-- of the fence when it was recorded), and its content.
local function item_format(kind, n)
    local besides = kind == SPECIAL and 'Hd' or kind >= UNDO and 'd' or ''
    local format = '<d' .. string.rep('Hd', n) .. besides .. 'c32'
    item_formats[kind][n] = format
    return format
end

-- So many plain items of n limits at once.
local function plain_format(n, count)
    plain_formats[n] = plain_formats[n] or {}
    return repeated(plain_formats[n], count, 'xxxd' .. string.rep('Hd', n) .. 'c32')
end

-- A long value turns a hash into a table, where a field is found at once; a short hash is a list that is searched.
local function make_table(key)
    redis.call('HSET', key, '-', 'longer than hash-max-listpack-value, which is 64 unless somebody changed it.')
    redis.call('HDEL', key, '-')
end

local function head_of(day, identity, epoch) return day .. identity .. ' ' .. epoch end

-- nil: there is none.
local function epoch_of(head) return head and tonumber(string.match(head, ' (%d+)$')) end

-- The first time this month hash meets a day: the day's hash has just been written, and must pass away in time.
local function care_for_day(month, day, date, identity, epoch)
    make_table(day)
    redis.call('EXPIRE', day, DAY_SECONDS)
    redis.call('HSET', month, 'h', head_of(date, identity, epoch))
end

-- Whether what an id did counts under this epoch.
local function holds(value, epoch)
    local letter, made = string.match(value, '^(%u)(%d+):')
    return letter ~= 'A' or made + 0 >= epoch
end

local function first_reason(mask, field_of)
    local i = 1
    while mask % 2 == 0 do
        mask = mask / 2
        i = i + 1
    end
    return REASONS[string.sub(field_of(i), 1, 1)]
end

-- Which limits an item would pass, and what is left over all that have a ceiling when it passes one.
local function weigh(read, numbers, n)
    local amount = numbers[1]
    local mask, bit, left = 0, 1, amount
    for i = 2, n + n, 2 do
        local ceiling = numbers[i + 1]
        if ceiling >= 0 then
            local free = ceiling - (read[numbers[i]] or 0)
            if amount > free then
                mask = mask + bit
                if free < left then left = free end
            end
        end
        bit = bit + bit
    end
    return mask, left
end

local function time_ms(id)
    local a, b, c, d, e, f = string.byte(id, 1, 6)
    return ((((a * 256 + b) * 256 + c) * 256 + d) * 256 + e) * 256 + f
end

-- Whether a credit's last purchase is another of the same client, product and place, and near (DOMAIN F4).
local function is_near(last, id, content, window_us)
    if not last or string.sub(last, 1, 16) ~= string.sub(content, 9, 24) then return false end
    local last_id = string.sub(last, 17)
    return last_id ~= id and math.abs(time_ms(last_id) - time_ms(id)) * 1000 < window_us
end

-- What a memory of letter A stands for in the counters; `at` is where its content begins.
local function counted_by(value, at)
    local low, high = struct.unpack('<II', value, at)
    local approved = string.sub(value, at + 32)
    return approved ~= '' and approved + 0 or high * 4294967296 + low
end

-- What a reversal adds to the counters, and what its id is remembered as; nil: as before. One whose purchase had a row
-- takes it off though the row was recorded first and its count is still on its way: that is the '-'.
local function undo(before, epoch, amount, was_recorded, content)
    local letter, made, at = string.match(before or '', '^(%u)(%d+):()')
    if letter == 'V' then return 0 end
    local value = 'V' .. epoch .. ':' .. content
    if letter == 'A' and made + 0 == epoch then
        if not was_recorded then amount = math.min(amount, counted_by(before, at)) end
        return -amount, value
    end
    if was_recorded then return -amount, value .. '-' end
    return 0, value
end

-- The same for an effect that PostgreSQL recorded first: it is counted once by its id. What was counted for a purchase
-- before its row came by another way, an advice, stands for it.
local function apply(before, epoch, amount, is_part, content)
    local letter, made, at = string.match(before or '', '^(%u)(%d+):()')
    if amount <= 0 then
        if letter == 'E' and made + 0 >= epoch then return 0 end
        return amount, 'E' .. epoch .. ':'
    end
    if is_part then content = content .. amount end
    if letter == 'V' then
        if string.sub(before, at + 32) == '' then return 0 end
        return amount, string.sub(before, 1, at + 31)
    end
    if letter ~= 'A' then return amount, 'A' .. epoch .. ':' .. content end
    if made + 0 > epoch then return 0 end
    local counted = counted_by(before, at)
    -- What was asked for, and approved in part, is known by the memory alone.
    if counted == amount then content = string.sub(before, at) end
    if made + 0 == epoch then amount = amount - counted end
    return amount, 'A' .. epoch .. ':' .. content
end

-- ---- A group of one organisation and day ----
--
-- Each item sees what those before it did. It says a verdict, what it adds to its limits, what its id is remembered as
-- (nil: as before), and what comes after the verdict (nil: nothing).

-- Keeps a value of the month's hash to be written when the group is through.
local function store(group, place, value)
    local writes = group.writes
    local at = group.written[place]
    if not at then
        at = #writes + 2
        group.written[place] = at
        writes[at - 1] = group.fields[place - 1]
    end
    writes[at] = value
    group.read[place] = value
end

local function refuse(group, mask, numbers, content)
    local reason = first_reason(mask, function(i) return group.fields[numbers[i + i] - 1] end)
    return mask, 0, group.declined .. content .. reason .. ',' .. mask
end

-- A double tap is none when the last purchase was reversed since: the device gave it up. A reversal of this very group,
-- or told of by a rebuild, is in the day's hash; after midnight forget_last() is what tells.
local function is_double_tap(group, last, id, content, window_us)
    if not is_near(last, id, content, window_us) then return false end
    local last_id = string.sub(last, 17)
    local value = group.fresh[last_id] or redis.call('HGET', group.day, last_id)
    return not value or string.sub(value, 1, 1) ~= 'V'
end

-- A purchase that may be approved in part, or that must not be a double tap.
local function authorize_special(group, numbers, n, flag, id, content)
    local place, window_us = numbers[n + n + 2], numbers[n + n + 3]
    if window_us > 0 and is_double_tap(group, group.read[place], id, content, window_us) then
        return DOUBLE_TAP, 0, group.declined .. content .. '17,0'
    end
    local mask, left = weigh(group.read, numbers, n)
    if mask > 0 and (flag == 0 or left <= 0) then return refuse(group, mask, numbers, content) end
    if window_us > 0 then store(group, place, string.sub(content, 9, 24) .. id) end
    if mask == 0 then return 0, numbers[1], group.counted .. content end
    return PARTIAL, left, group.counted .. content .. left, left
end

-- Notes which credit's last purchase a reversal may be of.
local function note_undone(group, numbers, n, id)
    local undone = group.undone
    for i = 2, n + n, 2 do
        local field = group.fields[numbers[i] - 1]
        if string.sub(field, 1, 1) == 'c' then
            undone[#undone + 1] = 'l' .. string.sub(field, 2)
            undone[#undone + 1] = id
        end
    end
end

-- Counts under the epoch it was recorded under; a newer one holds it already. Counters that would fall below zero miss
-- what they should hold: they are COLD from here on, until they are rebuilt.
local function count_effect(group, kind, numbers, n, flag, before, content)
    local added, value
    if group.epoch ~= numbers[n + n + 2] then return STANDS, 0 end
    if kind == UNDO then
        added, value = undo(before, group.epoch, numbers[1], flag == 1, content)
    else
        added, value = apply(before, group.epoch, numbers[1], flag == 1, content)
    end
    for i = 2, n + n, 2 do
        if added < 0 and (group.read[numbers[i]] or 0) + added < 0 then
            group.is_sound = false
            return COLD, 0, kind == UNDO and value or nil
        end
    end
    return STANDS, added, value
end

-- What was reversed is no credit's last purchase any more, on whatever day of the month the next one comes.
local function forget_last(month, undone)
    for i = 1, #undone, 2 do
        local last = redis.call('HGET', month, undone[i])
        if last and string.sub(last, 17) == undone[i + 1] then redis.call('HDEL', month, undone[i]) end
    end
end

local function write_group(group)
    if #group.writes > 0 then redis.call('HSET', group.month, unpack(group.writes)) end
    forget_last(group.month, group.undone)
    -- A head without an identity is believed by nobody, and keeps the epoch.
    if not group.is_sound then redis.call('HSET', group.month, 'h', head_of(NO_DAY, '', group.made)) end
    if #group.memories > 0 then
        redis.call('HSET', group.day, unpack(group.memories))
        if group.is_sound and group.last_day ~= group.date then
            care_for_day(group.month, group.day, group.date, group.identity, group.made)
        elseif group.has_effects then
            redis.call('EXPIRE', group.day, DAY_SECONDS)
        end
    end
end

-- Decides a group item by item; `at` is where they begin in `packed`.
local function decide(group, packed, k, at)
    local read, fresh, written, writes = group.read, group.fresh, group.written, group.writes
    local memories, epoch, ids, w = group.memories, group.epoch, group.ids, 0
    local known = redis.call('HMGET', group.day, unpack(ids, 1, k))
    local reply, r = { epoch }, 1
    for item = 1, k do
        local kind, n, flag = string.byte(packed, at, at + 2)
        local numbers = { struct.unpack(item_formats[kind][n] or item_format(kind, n), packed, at + 3) }
        at = numbers[#numbers]
        local id, content = ids[item], numbers[#numbers - 1]
        local before = fresh[id] or known[item]
        local verdict, value, more
        local added = 0
        if not group.is_sound then
            verdict = COLD
        elseif kind >= UNDO then
            group.has_effects = true -- which may be told again for a day, however old the purchase is
            if kind == UNDO then note_undone(group, numbers, n, id) end
            verdict, added, value = count_effect(group, kind, numbers, n, flag, before, content)
        elseif kind == SPENT then
            verdict = STANDS
        elseif before and holds(before, epoch) then
            verdict, more = KNOWN, before
        elseif kind == RECALL then
            verdict = UNKNOWN
        elseif kind == REFUSE then
            verdict, value = REMEMBERED, group.declined .. content .. flag .. ',0'
        elseif kind == SPECIAL then
            verdict, added, value, more = authorize_special(group, numbers, n, flag, id, content)
        else
            verdict = weigh(read, numbers, n)
            if verdict == 0 then
                added, value = numbers[1], group.counted .. content
            else
                verdict, added, value = refuse(group, verdict, numbers, content)
            end
        end
        if value then
            memories[w + 1] = id
            memories[w + 2] = value
            w = w + 2
            fresh[id] = value
        end
        r = r + 1
        reply[r] = verdict
        if more then
            r = r + 1
            reply[r] = more
        end
        for i = 2, n + n, 2 do
            local place = numbers[i]
            local spent = (read[place] or 0) + added
            if added ~= 0 then
                local to = written[place]
                if to then
                    writes[to] = spent
                    read[place] = spent
                else
                    store(group, place, spent)
                end
            end
            r = r + 1
            reply[r] = spent
        end
    end
    write_group(group)
    return reply
end

-- ---- A group of plain purchases, that are all new and all fit: nearly all groups are ----

-- Lists that each call fills anew, as far as it goes: fields of the month and what they stand at, by turns; ids and
-- what they are remembered as; the answer.
local counts, memories, answer = {}, {}, {}

-- Counts all items in the lists; `numbers` are those of all. The answer's size, or nil when something does not fit.
local function count_all(fields, read, m, numbers, k, n)
    for i = 1, m do
        counts[i + i - 1] = fields[i]
        counts[i + i] = (read[i + 1] or 0) + 0
    end
    local i, size = 1, 1
    for _ = 1, k do
        local amount = numbers[i]
        for j = i + 1, i + n + n, 2 do
            local at = numbers[j] * 2 - 2
            local spent, ceiling = counts[at] + amount, numbers[j + 1]
            if ceiling >= 0 and spent > ceiling then return nil end
            counts[at] = spent
            size = size + 1
            answer[size] = spent
        end
        i = i + n + n + 2
    end
    return size
end

-- Remembers all ids; false, and nothing is done, when one was remembered before.
local function remember_all(day, ids, numbers, counted, k, n)
    local call = redis.call
    local stride = n + n + 2
    for item = 1, k do
        memories[item + item - 1] = ids[item]
        memories[item + item] = counted .. numbers[item * stride]
    end
    if k == 1 then return call('HSETNX', day, ids[1], memories[2]) == 1 end
    local known = call('HMGET', day, unpack(ids, 1, k))
    for item = 1, k do
        if known[item] then return false end
    end
    call('HSET', day, unpack(memories, 1, k + k))
    return true
end

-- `packed`: one text of the identity, floor, number of fields, of items, of limits of each item if all are plain and
-- their ids distinct, else 0; fields; ids; and for each item kind, number of limits, a byte (REFUSE: the reason;
-- SPECIAL: 1 when a part is better than nothing; UNDO: 1 when it had a row; APPLY: 1 when it was approved in part),
-- and what item_format says. Answers 0 for COLD; else a list of the epoch, and for each item its verdict, what comes
-- after it, and what its limits stand at; or, when all were counted, as one text the epoch and what the limits of
-- each stand at.
local function authorize(month, day, packed)
    local identity, floor, m, k, n, at = struct.unpack('<Bc0IHHH', packed)
    local fields = { struct.unpack(field_formats[m] or repeated(field_formats, m, 'Bc0'), packed, at) }
    local read = redis.call('HMGET', month, 'h', unpack(fields, 1, m))
    local head = read[1]
    if not head or string.sub(head, 9, 8 + #identity) ~= identity then return 0 end
    local made = string.sub(head, 10 + #identity)
    local epoch = made + 0
    if epoch < floor then return 0 end
    local ids = { struct.unpack(id_formats[k] or repeated(id_formats, k, 'c16'), packed, fields[m + 1]) }
    at = ids[k + 1]
    local last_day, date = string.sub(head, 1, 8), string.sub(day, -8)
    if n > 0 then
        local formats = plain_formats[n]
        local numbers = { struct.unpack(formats and formats[k] or plain_format(n, k), packed, at) }
        local size = count_all(fields, read, m, numbers, k, n)
        if size and remember_all(day, ids, numbers, 'A' .. made .. ':', k, n) then
            redis.call('HSET', month, unpack(counts, 1, m + m))
            if last_day ~= date then care_for_day(month, day, date, identity, made) end
            answer[1] = epoch
            return struct.pack(answer_formats[size] or repeated(answer_formats, size, 'd'), unpack(answer, 1, size))
        end
    end
    local group = {
        identity = identity,
        made = made,
        epoch = epoch,
        month = month,
        day = day,
        date = date,
        last_day = last_day,
        fields = fields,
        ids = ids,
        counted = 'A' .. made .. ':',
        declined = 'D' .. made .. ':',
        read = read,
        writes = {}, -- fields and values of the month's hash
        written = {}, -- where in them a place of `read` is
        memories = {}, -- ids, and what they are remembered as
        fresh = {}, -- the same, to be found by id
        undone = {}, -- fields of credits' last purchases, and ids that were reversed, by turns
        is_sound = true,
        has_effects = false,
    }
    return decide(group, packed, k, at)
end

-- One group. KEYS: month, day.
local function decide_one(keys, argv)
    return authorize(keys[1], keys[2], argv[1])
end

-- Several groups, where one primary has the keys of all: the call itself costs some twentieth of a group. KEYS: month
-- and day of each. ARGV: the text of each. Answers their answers in the same order, with COLD in place of 0, for the
-- elements of a list begin with an epoch.
local function decide_many(keys, argv)
    local answers = {}
    for i = 1, #argv do
        local said = authorize(keys[i + i - 1], keys[i + i], argv[i])
        answers[i] = said == 0 and COLD or said
    end
    return answers
end

-- A slice of a month's counters, beside fields that are none. KEYS: month. ARGV: identity, cursor, about how many.
-- Answers 0 when there are none or another primary built them, else epoch, cursor, and field and value by turns. What
-- is there all the while is in some slice, perhaps in two.
local function slice(keys, argv)
    local head = redis.call('HGET', keys[1], 'h')
    if not head or string.sub(head, 9, 8 + #argv[1]) ~= argv[1] then return 0 end
    local scanned = redis.call('HSCAN', keys[1], argv[2], 'COUNT', argv[3])
    return { epoch_of(head), scanned[1], scanned[2] }
end

-- What the ids did that a rebuild remembers, before its counters stand. KEYS: day. ARGV: epoch, then id and value by
-- turns. A reversal always holds. What was remembered under a newer epoch stays.
local function remember(keys, argv)
    local epoch = argv[1] + 0
    local ids = {}
    for i = 2, #argv, 2 do ids[i / 2] = argv[i] end
    local known = redis.call('HMGET', keys[1], unpack(ids))
    local writes, w = {}, 0
    for i = 1, #ids do
        local value = argv[i + i + 1]
        local letter, made = string.match(known[i] or '', '^(%u)(%d+):')
        local is_older = not letter or made + 0 < epoch or (made + 0 == epoch and letter == 'D')
        if letter ~= 'V' and (is_older or string.sub(value, 1, 1) == 'V') then
            writes[w + 1] = ids[i]
            writes[w + 2] = value
            w = w + 2
        end
    end
    if w > 0 then redis.call('HSET', keys[1], unpack(writes)) end
    make_table(keys[1])
    redis.call('EXPIRE', keys[1], DAY_SECONDS)
    return 1
end

-- Sums that do not yet count. KEYS: stage. ARGV: field and value by turns.
local function stage(keys, argv)
    redis.call('HSET', keys[1], unpack(argv))
    redis.call('EXPIRE', keys[1], STAGE_SECONDS)
    return 1
end

-- Replaces counters of an older epoch. KEYS: month, and the stage if there is one. ARGV: epoch, how many fields are
-- staged, field and value by turns. The stage stands for all that was sent before: if Redis lost some of it, the fields
-- are not all there, and nothing is replaced. Answers the identity of this primary, '' when nothing was replaced for
-- that reason. A call that names a key which is not there is turned away while the slot moves, and so is RENAME.
local function rebuild(keys, argv)
    local call = redis.call
    local month, staged = keys[1], argv[2] ~= '0' and keys[2]
    local identity = string.match(call('INFO', 'replication'), 'master_replid:(%x+)')
    local epoch = epoch_of(call('HGET', month, 'h'))
    if epoch and epoch >= argv[1] + 0 then
        if staged then call('UNLINK', staged) end
        return identity
    end
    if staged and call('HLEN', staged) ~= argv[2] + 0 then
        call('UNLINK', staged)
        return ''
    end
    call('UNLINK', month)
    if staged then
        call('HSET', month, '-', '')
        call('RENAME', staged, month)
    end
    call('HSET', month, 'h', head_of(NO_DAY, identity, argv[1]), unpack(argv, 3))
    make_table(month)
    call('EXPIRE', month, MONTH_SECONDS)
    return identity
end

redis.register_function('vaxel_decide', decide_one)
redis.register_function('vaxel_decide_many', decide_many)
redis.register_function('vaxel_slice', slice)
redis.register_function('vaxel_remember', remember)
redis.register_function('vaxel_stage', stage)
redis.register_function('vaxel_rebuild', rebuild)
