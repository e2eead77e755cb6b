#!lua name=vaxel
-- SPDX-License-Identifier: Apache-2.0
--
-- The month's counters of an organisation, and what each request id did (DESIGN 5). All keys of a call share a slot.
--
--   {ORG}:YYYYMM    hash  p identity of the primary that built it, e epoch it was built under, x the day hash it met
--                         last; o, d<id>, t<id>, c<id>: spent in minor units
--   {ORG}:YYYYMMDD  hash  16 bytes of a request id -> letter, epoch, ':', 32 bytes of content; for D also 'reason,mask'
--                         A counted, D refused, V reversed
--   {ORG}:YYYYMM:E<epoch>  hash  sums that come in more than one call, on their way to replace the month's
--
-- A is believed only under the epoch it was made in: the count of an older one was in counters that are no more. One of
-- a newer epoch was written by a rebuild that has yet to replace the counters: its purchase is on record, so it is
-- known. D and V hold under every epoch.
--
-- Numbers that are stored are handed to redis.call as numbers, which writes them whole up to 2^53; tostring() and ..
-- turn to exponents at 10^14, so they are for epochs and reasons alone. What is dear here is strings: Lua hashes every
-- byte of every one it is given, so numbers come packed. Nodes of two versions may share a Redis during a deploy: a
-- change of what a function takes or answers needs a new name.

local DAY_SECONDS = 4 * 86400
local MONTH_SECONDS = 100 * 86400
local STAGE_SECONDS = 600

-- Verdicts below zero; from zero on it is the mask of the limits that refuse, 0: counted.
local KNOWN, UNKNOWN, STANDS, REMEMBERED = -1, -2, -3, -4
-- Kinds of item in a group.
local REFUSE, RECALL, SPENT = 1, 2, 3

-- Reasons by the first letter of the refusing limit's field, as in switch/terms.h.
local REASONS = { c = 8, t = 9, d = 10, o = 11 }

-- Made here because a library has no string functions while it loads.
local one_format, item_format = {}, {}
do
    local ceilings, limits = '', ''
    for n = 0, 11 do
        one_format[n] = '<dd' .. ceilings
        item_format[n] = '<d' .. limits
        ceilings = ceilings .. 'd'
        limits = limits .. 'Hd'
    end
end

-- A long value turns a hash into a table, where a field is found at once; a short hash is a list that is searched.
local function make_table(key)
    redis.call('HSET', key, '-', 'longer than hash-max-listpack-value, which is 64 unless somebody changed it.')
    redis.call('HDEL', key, '-')
end

-- The first time this month hash meets a day: the day's hash has just been written, and must pass away in time.
local function care_for_day(keys)
    make_table(keys[2])
    redis.call('EXPIRE', keys[2], DAY_SECONDS)
    redis.call('HSET', keys[1], 'x', keys[2])
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

-- One purchase: what vaxel_authorize does, without the tables that a group needs. Half of all calls are this.
-- ARGV: identity, packed (floor, amount, ceilings), id, content, fields.
local function authorize_one(keys, argv)
    local call = redis.call
    local read = call('HMGET', keys[1], 'p', 'e', 'x', unpack(argv, 5))
    local n = #argv - 4
    local packed = { struct.unpack(one_format[n], argv[2]) }
    if read[1] ~= argv[1] or not read[2] or read[2] + 0 < packed[1] then return 0 end
    local epoch = read[2] + 0
    local amount = packed[2]
    local writes = {}
    local mask, bit = 0, 1
    for i = 1, n do
        local spent = (read[i + 3] or 0) + amount
        local ceiling = packed[i + 2]
        if ceiling >= 0 and spent > ceiling then mask = mask + bit end
        bit = bit + bit
        writes[i + i - 1] = argv[i + 4]
        writes[i + i] = spent
    end
    local value
    if mask == 0 then
        value = 'A' .. epoch .. ':' .. argv[4]
    else
        local reason = first_reason(mask, function(i) return argv[i + 4] end)
        value = 'D' .. epoch .. ':' .. argv[4] .. reason .. ',' .. mask
    end
    local reply = { epoch, mask }
    local r = 2
    if call('HSETNX', keys[2], argv[3], value) == 0 then
        local known = call('HGET', keys[2], argv[3])
        if holds(known, epoch) then
            mask = KNOWN
            reply[2] = KNOWN
            reply[3] = known
            r = 3
        else
            call('HSET', keys[2], argv[3], value)
        end
    end
    if mask == 0 then call('HSET', keys[1], unpack(writes)) end
    if read[3] ~= keys[2] then care_for_day(keys) end
    for i = 1, n do
        local spent = writes[i + i]
        if mask ~= 0 then spent = spent - amount end
        reply[r + i] = spent
    end
    return reply
end

-- A group of one organisation and day: each item sees what those before it did.
-- ARGV: identity, packed, fields, ids, contents. Packed: floor, number of fields, number of items; for each item kind,
-- number of limits, reason, amount, and for each limit the place of its field in what is read, and its ceiling.
-- Answers 0 for COLD, else epoch, and for each item a verdict, the stored value of a known id, and what its limits
-- stand at.
local function authorize(keys, argv)
    local call = redis.call
    local packed = argv[2]
    local floor, m, k = struct.unpack('<IHH', packed)
    local read = call('HMGET', keys[1], 'p', 'e', 'x', unpack(argv, 3, 2 + m))
    if read[1] ~= argv[1] or not read[2] or read[2] + 0 < floor then return 0 end
    local epoch = read[2] + 0
    local known = call('HMGET', keys[2], unpack(argv, 3 + m, 2 + m + k))
    local counted, declined = 'A' .. epoch .. ':', 'D' .. epoch .. ':'
    local reply, r = { epoch }, 1
    local memories, w = {}, 0 -- ids and values to be written
    local fresh = {} -- the same, by id
    local dirty, d, is_dirty = {}, 0, {} -- places of counters to be written
    local at = 9
    for item = 1, k do
        local kind, n, reason = string.byte(packed, at, at + 2)
        local numbers = { struct.unpack(item_format[n], packed, at + 3) }
        at = numbers[n + n + 2]
        local id = argv[2 + m + item]
        local content = argv[2 + m + k + item]
        local value = fresh[id] or known[item]
        if value and not holds(value, epoch) then value = nil end
        r = r + 1
        if kind == SPENT then
            reply[r] = STANDS
        elseif value then
            reply[r] = KNOWN
            r = r + 1
            reply[r] = value
        elseif kind == RECALL then
            reply[r] = UNKNOWN
        elseif kind == REFUSE then
            reply[r] = REMEMBERED
            value = declined .. content .. reason .. ',0'
        else
            local amount = numbers[1]
            local mask, bit = 0, 1
            for i = 2, n + n, 2 do
                local ceiling = numbers[i + 1]
                if ceiling >= 0 and (read[numbers[i]] or 0) + amount > ceiling then mask = mask + bit end
                bit = bit + bit
            end
            reply[r] = mask
            if mask == 0 then
                value = counted .. content
                for i = 2, n + n, 2 do
                    local place = numbers[i]
                    read[place] = (read[place] or 0) + amount
                    if not is_dirty[place] then
                        is_dirty[place] = true
                        d = d + 1
                        dirty[d] = place
                    end
                end
            else
                reason = first_reason(mask, function(i) return argv[numbers[i + i] - 1] end)
                value = declined .. content .. reason .. ',' .. mask
            end
        end
        if value and reply[r] ~= value then
            memories[w + 1] = id
            memories[w + 2] = value
            w = w + 2
            fresh[id] = value
        end
        for i = 2, n + n, 2 do
            r = r + 1
            reply[r] = (read[numbers[i]] or 0) + 0
        end
    end
    if d > 0 then
        local writes = {}
        for i = 1, d do
            writes[i + i - 1] = argv[dirty[i] - 1]
            writes[i + i] = read[dirty[i]]
        end
        call('HSET', keys[1], unpack(writes))
    end
    if w > 0 then
        call('HSET', keys[2], unpack(memories))
        if read[3] ~= keys[2] then care_for_day(keys) end
    end
    return reply
end

-- PostgreSQL has a reversal of an id since the fence was at this epoch: takes what was counted off again, once.
-- ARGV: identity, epoch, id, content, amount, '1' when the purchase had been recorded, fields.
-- Answers 1, or 0 for COLD. A newer epoch was built after the reversal and holds it.
local function undo(keys, argv)
    local call = redis.call
    local read = call('HMGET', keys[1], 'p', 'e', 'x', unpack(argv, 7))
    local fence = argv[2] + 0
    if read[1] ~= argv[1] or not read[2] or read[2] + 0 < fence then return 0 end
    local epoch = read[2] + 0
    if epoch > fence then return 1 end
    local value = call('HGET', keys[2], argv[3])
    local letter, made = string.match(value or '', '^(%u)(%d+):')
    if letter == 'V' then return 1 end
    local is_sound = true
    if argv[6] == '1' or (letter == 'A' and made + 0 == epoch) then
        local writes = {}
        for i = 7, #argv do
            local spent = (read[i - 3] or 0) - argv[5]
            if spent < 0 then is_sound = false end
            writes[i + i - 13] = argv[i]
            writes[i + i - 12] = spent
        end
        if not is_sound then
            -- The counters miss what they should hold. Without an identity they are COLD until they are rebuilt.
            call('HDEL', keys[1], 'p')
        elseif #argv > 6 then
            call('HSET', keys[1], unpack(writes))
        end
    end
    call('HSET', keys[2], argv[3], 'V' .. epoch .. ':' .. argv[4])
    if read[3] ~= keys[2] then care_for_day(keys) end
    return is_sound and 1 or 0
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

-- Replaces counters of an older epoch. KEYS: month, stage. ARGV: epoch, how many fields are staged, field and value by
-- turns. The stage stands for all that was sent before: if Redis lost some of it, the fields are not all there, and
-- nothing is replaced. Answers the identity of this primary, '' when nothing was replaced for that reason.
local function rebuild(keys, argv)
    local call = redis.call
    local month, staged = keys[1], keys[2]
    local identity = string.match(call('INFO', 'replication'), 'master_replid:(%x+)')
    local epoch = call('HGET', month, 'e')
    if epoch and epoch + 0 >= argv[1] + 0 then
        call('UNLINK', staged)
        return identity
    end
    if call('HLEN', staged) ~= argv[2] + 0 then
        call('UNLINK', staged)
        return ''
    end
    call('HSET', staged, 'p', identity, 'e', argv[1], unpack(argv, 3))
    call('UNLINK', month)
    call('RENAME', staged, month)
    make_table(month)
    call('EXPIRE', month, MONTH_SECONDS)
    return identity
end

redis.register_function('vaxel_authorize_one', authorize_one)
redis.register_function('vaxel_authorize', authorize)
redis.register_function('vaxel_undo', undo)
redis.register_function('vaxel_remember', remember)
redis.register_function('vaxel_stage', stage)
redis.register_function('vaxel_rebuild', rebuild)
