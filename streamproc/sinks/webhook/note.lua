-- Notes what became of messages of a partition, and how far its topic is read, if the caller still holds the partition.
-- All values are absolute, so a call whose reply was lost may be made again.
--
-- KEYS  1 reading (hash)   2 pending of the partition (hash)   3 dead (stream)
-- ARGV  1 partition   2 owner   3 next offset as the caller knows it   4 next offset from now on ("": as it is)
--       5 how many dead letters are kept   6 number of messages to put   7 number of messages to remove
--       then field and packed message of each to put; then field and dead letter ("": none) of each to remove
--
-- Returns {"ok"}, or before any write {"superseded", field, stored}.

local stored = redis.call('HMGET', KEYS[1], 'owner:' .. ARGV[1], 'next:' .. ARGV[1])
if stored[1] ~= ARGV[2] then return {'superseded', 'owner', stored[1] or ''} end
if ARGV[4] ~= '' then
  local next = stored[2] or ''
  if next ~= ARGV[3] and next ~= ARGV[4] then return {'superseded', 'next', next} end
end
local at = 8
for _ = 1, tonumber(ARGV[6]) do
  redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 1])
  at = at + 2
end
for _ = 1, tonumber(ARGV[7]) do
  -- A dead letter is written once, however often the call is made.
  if redis.call('HDEL', KEYS[2], ARGV[at]) == 1 and ARGV[at + 1] ~= '' then
    redis.call('XADD', KEYS[3], 'MAXLEN', ARGV[5], '*', 'm', ARGV[at + 1])
  end
  at = at + 2
end
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'next:' .. ARGV[1], ARGV[4]) end
return {'ok'}
