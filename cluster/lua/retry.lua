-- ARGV: states that may be tried again, separated by commas, then job ids. Returns the state that each job was in,
-- '' where there is no such job; those in another state stay as they are. Counts of lost attempts begin anew.
local allowed = ',' .. ARGV[1] .. ','
local states = {}
for i = 2, #ARGV do
  local id = ARGV[i]
  local key = 'job:' .. id
  local old = redis.call('HMGET', key, 'state', 'batch')
  local state = old[1] or ''
  if state ~= '' and string.find(allowed, ',' .. state .. ',', 1, true) then
    redis.call('ZREM', 'batch:' .. old[2] .. ':finished', id)
    redis.call('HSET', key, 'lost', 0, 'faults', 0, 'error', '', 'result', '', 'finished_at', '', 'started_at', '', 'avoid', '')
    requeue(id, 'retried', '')
  end
  states[i - 1] = state
end
return states
