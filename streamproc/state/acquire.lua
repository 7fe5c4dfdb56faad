#!lua flags=allow-oom
-- Takes a shard for one worker; the raised epoch and the new owner fence off everybody who held it before.
-- It runs when Redis is out of memory too, because only an owner may drain the outbox.
--
-- KEYS  1 head (hash)   2 state (hash)   3 minutes (zset)   4 outbox (stream)
-- ARGV  1 owner       a fresh token of this acquisition
--       2 generation  the consumer group's generation in which the worker got the partition
--       3 member      the life of the group: generations are compared only within one
--       4 partitions  5 layout
--       6 "1" if a missing head may be created
--       7 ... topic, first offset: for every source topic that the head does not know yet
--
-- Returns {"ok", field, value, ...} (the whole head), or before any write
--   {"fenced", generation} {"layout", stored} {"partitions", stored} {"missing"} {"orphaned", key} {"gone", key}
--   {"wrongtype", key, type} {"ahead", last outbox id, seq}

local expected = {'hash', 'hash', 'zset', 'stream'}
local exists = {}
for i, want in ipairs(expected) do
  local found = redis.call('TYPE', KEYS[i]).ok
  if found ~= 'none' and found ~= want then
    return {'wrongtype', KEYS[i], found}
  end
  exists[i] = found ~= 'none'
end

local head = KEYS[1]
local epoch, fields = 1, {}
if exists[1] then
  local stored = redis.call('HMGET', head, 'layout', 'partitions', 'member', 'generation', 'epoch', 'seq', 'has')
  if stored[1] ~= ARGV[5] then return {'layout', stored[1] or ''} end
  if stored[2] ~= ARGV[4] then return {'partitions', stored[2] or ''} end
  if stored[3] == ARGV[3] and tonumber(stored[4]) > tonumber(ARGV[2]) then
    return {'fenced', stored[4]}
  end
  epoch = tonumber(stored[5]) + 1
  for i, name in pairs({[2] = 'state', [3] = 'minutes', [4] = 'outbox'}) do
    if not exists[i] and string.find(stored[7] or '', name, 1, true) then return {'gone', KEYS[i]} end
  end
  if exists[4] then
    -- The next commit adds <seq + 1>-0 ...: if that is not above the last id, XADD would fail in mid-commit.
    local info, last = redis.call('XINFO', 'STREAM', KEYS[4]), ''
    for i = 1, #info, 2 do
      if info[i] == 'last-generated-id' then last = info[i + 1] end
    end
    if tonumber(string.match(last, '^%d+')) > tonumber(stored[6]) then return {'ahead', last, stored[6]} end
  end
else
  for i = 2, 4 do
    if exists[i] then return {'orphaned', KEYS[i]} end
  end
  if ARGV[6] ~= '1' then return {'missing'} end
  fields = {'layout', ARGV[5], 'partitions', ARGV[4], 'seq', '0', 'rewinds', '0', 'commit', ''}
end

for _, value in ipairs({'epoch', string.format('%.0f', epoch), 'owner', ARGV[1],
                        'generation', ARGV[2], 'member', ARGV[3]}) do
  table.insert(fields, value)
end
for i = 7, #ARGV, 2 do
  local field = 'off:' .. ARGV[i]
  if redis.call('HEXISTS', head, field) == 0 then
    table.insert(fields, field)
    table.insert(fields, ARGV[i + 1])
  end
end
redis.call('HSET', head, unpack(fields))

local reply = {'ok'}
for _, value in ipairs(redis.call('HGETALL', head)) do
  table.insert(reply, value)
end
return reply
