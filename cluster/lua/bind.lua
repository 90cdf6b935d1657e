-- ARGV: node, lease, slots ('' = whether or not there is room), placement JSON, job ids...
-- Returns 'GONE', 'FULL', 'NONE' or {id, attempt, id, attempt, ...}.
local node, lease, slots, placement = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if redis.call('SISMEMBER', 'workers:active', node) == 0
  or redis.call('HGET', 'worker:' .. node, 'mode') ~= 'active' then return 'GONE' end
local held = redis.call('ZCARD', 'worker:' .. node .. ':waiting') + redis.call('ZCARD', 'worker:' .. node .. ':running')
if slots ~= '' and held >= tonumber(slots) then return 'FULL' end
local bound = {}
for i = 5, #ARGV do
  local id = ARGV[i]
  if redis.call('HGET', 'job:' .. id, 'state') == 'queued' then
    local attempt = bind(id, node, lease, placement)
    transition(id, 'assigned', 'assigned', '')
    bound[#bound + 1] = id
    bound[#bound + 1] = tostring(attempt)
  end
end
if #bound == 0 then return 'NONE' end
redis.call('INCR', 'bindings')
redis.call('ZADD', 'worker:' .. node .. ':waiting', now, lease)
touch(node)
return bound
